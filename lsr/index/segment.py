"""A segment: the posting lists of consecutive documents, in one of two layouts.

``FloatSegment`` keeps float32 impacts in plain lists; ``ByteSegment`` keeps uint8 levels in the containers that the
fast kernels want. Both answer the same questions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

Impacts = NDArray[np.uint8] | NDArray[np.float32]


class Segment(ABC):
    """Posting lists in term order.

    Attributes:
        first: Number, in the whole index, of the segment's first document.
        size: Number of documents.
        terms: uint32 [T], ascending term ids.
    """

    first: int
    size: int
    terms: NDArray[np.uint32]

    def places(self, terms: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where the posting lists of terms are.

        Args:
            terms: uint32 [m].

        Returns:
            int64 [m], positions in ``self.terms``, and bool [m], whether the term is there at all; the position of a
            term that is not there means nothing.
        """
        places = np.searchsorted(self.terms, terms).astype(np.int64, copy=False)
        known = places < len(self.terms)
        known[known] = self.terms[places[known]] == terms[known]
        return places, known

    def impact(self, term: int, document: int) -> float:
        """Stored impact (level or weight) of a term in a document of this segment; 0.0 where there is none."""
        places, known = self.places(np.array([term], np.uint32))
        if not known[0]:
            return 0.0
        documents, impacts = self.postings(int(places[0]))
        at = int(np.searchsorted(documents, document))
        return float(impacts[at]) if at < len(documents) and documents[at] == document else 0.0

    @abstractmethod
    def postings(self, place: int) -> tuple[NDArray[np.int64], Impacts]:
        """The posting list of the term at a position of ``terms``.

        Returns:
            int64 [p], numbers of documents inside the segment, ascending, and their impacts.
        """
