"""Learned sparse retrieval: sparse vectors from text, an exact index for them, and search.

    import lsr

    index = lsr.Index.build("my.idx", [{"id": "1", "text": "block-max pruning skips blocks"}])
    for hit in lsr.Searcher(index).search("what is block-max pruning", k=10):
        print(hit.rank, hit.score, hit.id)

Names are loaded at first use, so that ``import lsr`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lsr._clash import warn_about_namesake

if TYPE_CHECKING:
    from lsr.encoders.registry import load_encoder
    from lsr.errors import LsrError
    from lsr.eval.measures import evaluate
    from lsr.index.index import Index
    from lsr.searcher import Searcher
    from lsr.vectors import SparseVectors

__version__ = "0.1.0"
__all__ = ["Index", "LsrError", "Searcher", "SparseVectors", "evaluate", "load_encoder"]

_HOMES = {
    "Index": "lsr.index.index",
    "LsrError": "lsr.errors",
    "Searcher": "lsr.searcher",
    "SparseVectors": "lsr.vectors",
    "evaluate": "lsr.eval.measures",
    "load_encoder": "lsr.encoders.registry",
}

warn_about_namesake()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lsr' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
