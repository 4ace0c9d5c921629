"""What other formats are told about term spaces, and the names that terms have there.

Where an index has one term space, its terms keep their names; with several, a name is ``space:token``. A term without
a name is called by its id. What a format cannot hold itself (scales above all) travels as JSON beside it:

    {"lsr": {"version": 1, "impacts": "uint8", "spaces": [
        {"name": "bm25", "base": 0, "scale": 0.0039, "weight": 1.0, "capacity": 4294967296, "named": true}]}}

A level, or term frequency, times the scale of its space is the weight.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr import defaults
from lsr.errors import BadInput, Refused
from lsr.index.index import Index
from lsr.index.manifest import IMPACT_TYPES, SCALE_LIMITS, is_space_weight
from lsr.index.space_builder import READY_SPACE
from lsr.vectors import TERM_LIMIT

VERSION = 1
_KEY = "lsr"


@dataclass(frozen=True)
class TravellingSpace:
    """A term space as it is described to others.

    Attributes:
        name: Its name in blends.
        base: Its first term id.
        scale: What level 1 stands for.
        weight: Its weight in a blend when nobody says otherwise.
        capacity: How many term ids it owns.
        named: Whether its terms have names; otherwise their names here are their ids.
    """

    name: str
    base: int
    scale: float
    weight: float
    capacity: int
    named: bool


@dataclass(frozen=True)
class Description:
    """What travels beside the vectors.

    Attributes:
        impacts: ``uint8`` or ``float32``, as the exported index had them.
        spaces: The term spaces, by ascending term id.
    """

    impacts: str
    spaces: tuple[TravellingSpace, ...]

    def to_json(self) -> str:
        """The JSON text."""
        content = {"version": VERSION, "impacts": self.impacts, "spaces": [asdict(space) for space in self.spaces]}
        return json.dumps({_KEY: content}, ensure_ascii=False)

    @classmethod
    def of(cls, index: Index, *, unscaled: bool = False) -> Description:
        """The description of an index.

        Args:
            index: The index.
            unscaled: Whether its levels travel as if they were the weights, without the scales.
        """
        spaces = []
        for space in index.manifest.spaces:
            scale = 1.0 if unscaled else space.scale
            spaces.append(TravellingSpace(space.name, space.base, scale, space.weight, space.capacity, space.terms > 0))
        return cls(index.manifest.impacts, tuple(spaces))

    @classmethod
    def from_json(cls, text: str, where: str) -> Description | None:
        """Read a description that ``to_json`` wrote.

        Returns:
            ``None`` for a text that is something else, as other programs write it.

        Raises:
            BadInput: It is of another version, or a field is wrong.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(content, dict) or not isinstance(content.get(_KEY), dict):
            return None
        content = content[_KEY]
        if content.get("version") != VERSION:
            raise BadInput(
                f"the description of the term spaces has version {content.get('version')!r}; "
                f"this release reads version {VERSION}",
                where=where,
            )
        impacts, spaces = content.get("impacts"), content.get("spaces")
        if impacts not in IMPACT_TYPES or not isinstance(spaces, list) or not spaces:
            raise BadInput('the description lacks "impacts" or "spaces"', where=where)
        read = tuple(_read_space(space, where) for space in spaces)
        if len({space.name for space in read}) != len(read):
            raise BadInput("two of the described term spaces have the same name", where=where)
        ends = [0, *(space.base + space.capacity for space in read)]
        if any(space.base < end for space, end in zip(read, ends, strict=False)) or ends[-1] > TERM_LIMIT:
            raise BadInput("the described term spaces overlap, or end above 2^32", where=where)
        return cls(impacts, read)


FOREIGN = Description(defaults.IMPACTS, (TravellingSpace(READY_SPACE, 0, 1.0, 1.0, TERM_LIMIT, True),))
"""What is assumed about the vectors of a file that describes nothing."""


def _read_space(content: Any, where: str) -> TravellingSpace:
    number = (int, float)
    expected: dict[str, Any] = {
        "name": str, "base": int, "scale": number, "weight": number, "capacity": int, "named": bool
    }  # fmt: skip
    if not isinstance(content, dict):
        raise BadInput("a described term space is no object", where=where)
    for name, kind in expected.items():
        value = content.get(name)
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise BadInput(f'field "{name}" of a described term space is missing or wrong', where=where)
    space = TravellingSpace(**{name: content[name] for name in expected})
    sound = (
        space.name
        and SCALE_LIMITS[0] <= space.scale <= SCALE_LIMITS[1]
        and is_space_weight(space.weight)
        and space.base >= 0
        and 1 <= space.capacity <= TERM_LIMIT
    )
    if not sound:
        raise BadInput("the scale, weight or capacity of a described term space is out of range", where=where)
    return space


class TermNames:
    """The terms that occur in an index, and their names for others.

    Args:
        index: The index.

    Attributes:
        terms: uint32 [t], ascending global term ids.
        owners: int64 [t], number of the term space of each.
        names: The name of each.

    Raises:
        Refused: Two terms would have the same name.
    """

    def __init__(self, index: Index) -> None:
        occurring = [segment.terms for segment in index.segments]
        self.terms: NDArray[np.uint32] = np.unique(np.concatenate(occurring))
        spaces = index.manifest.spaces
        self.owners = owners(self.terms, [space.base for space in spaces])
        self.names: list[str] = []
        for term, owner in zip(self.terms.tolist(), self.owners.tolist(), strict=True):
            space = spaces[owner]
            token = index.vocabularies[owner].token(term - space.base)
            name = str(term - space.base) if token is None else token
            self.names.append(name if len(spaces) == 1 else f"{space.name}:{name}")
        if len(set(self.names)) != len(self.names) or (len(spaces) > 1 and any(":" in s.name for s in spaces)):
            raise Refused(
                "two terms of the index would have the same name",
                where=str(index.path),
                hint="terms need names that are no numbers, and term spaces names without a colon",
            )


def owners(terms: NDArray[np.uint32], bases: Sequence[int]) -> NDArray[np.int64]:
    """The number of the term space of each global term id.

    Args:
        terms: uint32 [t].
        bases: First term id of each space, ascending.
    """
    return np.searchsorted(np.array(bases, np.int64), terms.astype(np.int64), side="right") - 1
