"""How good, how sure, how fast?"""

from lsr.eval.bench import measure_latency
from lsr.eval.collections import Collection, open_collection
from lsr.eval.measures import (
    Evaluation,
    Measure,
    evaluate,
    parse_measure,
    parse_measures,
    require_ranx,
)
from lsr.eval.runs import read_run, write_run
from lsr.eval.systems import (
    SystemResult,
    evaluate_collection,
    evaluate_index,
    evaluate_searcher,
    result_as_json,
    search_run,
)

__all__ = [
    "Collection",
    "Evaluation",
    "Measure",
    "SystemResult",
    "evaluate",
    "evaluate_collection",
    "evaluate_index",
    "evaluate_searcher",
    "measure_latency",
    "open_collection",
    "parse_measure",
    "parse_measures",
    "read_run",
    "require_ranx",
    "result_as_json",
    "search_run",
    "write_run",
]
