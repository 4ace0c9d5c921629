"""``lsr explain``: why a document has its score, or what a query asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli import options
from lsr.cli.hits import contribution_lines, explanation_json
from lsr.cli.output import answer, answer_json, bar, note, table, visible
from lsr.cli.queries import one_query

if TYPE_CHECKING:
    from lsr.searcher import Searcher


def explain(
    directory: options.IndexFolder,
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="Words of one query.")],
    document: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="A document; without it, the query is shown.")
    ] = None,
    blend: options.Blend = None,
    model: options.QueryModel = None,
    force_model: options.ForceModel = False,
    as_json: options.AsJson = False,
) -> None:
    """Take a score or a query apart.

    Examples:
      lsr explain my.idx what is block-max pruning --id doc17
      lsr explain my.idx what is block-max pruning
      lsr explain my.idx pruning --blend splade-tiny=1,bm25=0 --json

    With --id: the query weight, the stored impact and the score of each term that query and document share. Without:
    the query's terms in each term space, those that stand in it apart from those that the model adds.
    """
    from lsr.index.index import Index
    from lsr.searcher import Searcher

    text = one_query(query)
    with Index.open(directory) as index:
        searcher = Searcher(index, model, force=force_model)
        weights = options.parse_blend(blend)
        if document is None:
            _show_query(searcher, text, weights, as_json=as_json)
        else:
            _show_document(searcher, text, document, weights, as_json=as_json)


def _show_document(
    searcher: Searcher, query: str, document: str, blend: dict[str, float] | None, *, as_json: bool
) -> None:
    explanation = searcher.explain(query, document, blend=blend)
    if as_json:
        answer_json(
            {
                "query": query,
                "id": explanation.id,
                "score": explanation.score,
                "blend": explanation.blend,
                "explanation": explanation_json(explanation),
            }
        )
        return
    weights = ", ".join(f"{name}={weight:g}" for name, weight in explanation.blend.items())
    answer(f"{visible(explanation.id)}  score {explanation.score:.4f}  blend {weights}")
    for line in contribution_lines(explanation.contributions):
        answer(line)
    if not explanation.contributions:
        note("note: the document shares no term with the query")


def _show_query(searcher: Searcher, query: str, blend: dict[str, float] | None, *, as_json: bool) -> None:
    spaces = _query_spaces(searcher, query, blend)
    if as_json:
        answer_json({"query": query, "spaces": spaces})
        return
    for space in spaces:
        answer(f"{space['space']} (weight {space['weight']:g})")
        largest = max((term["weight"] for term in space["terms"]), default=0.0)
        for title, literal in (("in the query", True), ("added by the model", False)):
            rows = [
                [visible(term["token"]), f"{term['weight']:.4f}", bar(term["weight"], largest)]
                for term in space["terms"]
                if term["literal"] is literal
            ]
            if rows:
                answer(f"  {title}")
                for line in table(rows, right=(1,)):
                    answer(f"    {line}")
    if not any(space["terms"] for space in spaces):
        note("note: the index has no term of the query")


def _query_spaces(searcher: Searcher, query: str, blend: dict[str, float] | None) -> list[dict[str, Any]]:
    """Each term space with its weight and the query's terms in it, heaviest first; weights include the blend's."""
    used = searcher.blend(blend)
    terms, weights = searcher.encode_queries([query], blend=blend).row(0)
    literal = {match.term for match in searcher.matches(query)}
    spaces: list[dict[str, Any]] = [{"space": name, "weight": weight, "terms": []} for name, weight in used.items()]
    for term, weight in sorted(zip(terms.tolist(), weights.tolist(), strict=True), key=lambda pair: -pair[1]):
        owner = searcher.index.space_of(term)
        if owner is not None:
            number, space = owner
            token = searcher.index.vocabularies[number].token(term - space.base) or str(term)
            spaces[number]["terms"].append({"token": token, "weight": weight, "literal": term in literal})
    return spaces
