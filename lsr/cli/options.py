"""Options that several verbs share, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr import defaults
from lsr.errors import UsageError

if TYPE_CHECKING:
    from lsr.encoders.base import AnyEncoder


def parse_path(text: str) -> Path:
    """A path; typer's own check of permissions is left out, as who reads or writes the path says more.

    Raises:
        UsageError: The text is empty, which would mean the current folder.
    """
    return Path(parse_source(text))


def parse_source(text: str) -> str:
    """A path, or - for standard input.

    Raises:
        UsageError: The text is empty.
    """
    if not text:
        raise UsageError("a path is empty", hint="give the name of a file or folder; . is the current folder")
    return text


IndexFolder = Annotated[Path, typer.Argument(metavar="DIR", parser=parse_path, help="The index.", show_default=False)]
OutFolder = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", parser=parse_path, help="The index folder to make.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, errors too.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, notes or summary.")]
Threads = Annotated[int, typer.Option("--threads", metavar="N", help="Threads that search.")]
EncodeThreads = Annotated[
    int | None, typer.Option("--threads", metavar="N", help="Threads that encode; all cores if not given.")
]
BuildThreads = Annotated[
    int | None, typer.Option("--threads", metavar="N", help="Threads that encode and invert; all cores if not given.")
]
Memory = Annotated[
    str,
    typer.Option("--memory", metavar="SIZE", help="What inversion may take, such as 500M or 4G, beyond the model."),
]
Blend = Annotated[
    str | None,
    typer.Option("--blend", metavar="A=1,B=0", help="Weight of each term space; those not named keep the index's."),
]
QueryModel = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Encoder of the queries, not the index's own.")
]
ForceModel = Annotated[
    bool, typer.Option("--force-model", help="Use it although it is not known to be the one that made the index.")
]
QueryFile = Annotated[
    str | None, typer.Option("--queries", metavar="FILE", help="Queries: JSON Lines, id<TAB>text, or one a line.")
]
Impacts = Annotated[str, typer.Option("--impacts", metavar="TYPE", help="How weights are stored: uint8 or float32.")]
MaxLength = Annotated[
    int | None,
    typer.Option(
        "--max-length",
        metavar="N",
        help=f"Tokens a model reads of a text; {defaults.INDEX_LENGTH} of a document if not given.",
    ),
]
EncodeLength = Annotated[
    int | None,
    typer.Option("--max-length", metavar="N", help="Tokens the model reads of a text; its own limit if not given."),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--language", metavar="NAME", help=f"Stemmer and stop words of BM25; {defaults.LANGUAGE} if not given."
    ),
]
K1 = Annotated[float | None, typer.Option("--k1", metavar="X", help=f"BM25: saturation; {defaults.K1} if not given.")]
B = Annotated[
    float | None, typer.Option("--b", metavar="X", help=f"BM25: length normalisation; {defaults.B} if not given.")
]
Backend = Annotated[
    str | None,
    typer.Option("--backend", metavar="NAME", help="What computes documents: auto (default), native or torch."),
]

_OF_MODELS = ("max_length", "backend", "threads")
_OF_BM25 = ("language", "k1", "b")


def parse_size(text: str, option: str) -> int:
    """Bytes from a whole number with K, M, G or T behind it, or nothing.

    Raises:
        UsageError: The text has another form.
    """
    found = re.fullmatch(r"([0-9]{1,15})([KMGT]?)B?", text.strip().upper())
    if found is None:
        raise UsageError(f"{text!r} is no size", where=option, hint="for example 500M or 4G")
    return int(found[1]) << (10 * " KMGT".index(found[2] or " "))


def parse_blend(text: str | None) -> dict[str, float] | None:
    """Weights by name from ``a=1,b=0.5``; ``None`` stays ``None``.

    Raises:
        UsageError: The text has another form, or names a term space twice.
    """
    if text is None:
        return None
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, weight = parse_number(part, "--blend", "splade-tiny=1,bm25=0")
        if name in weights:
            raise UsageError(f"{name} has two weights", where="--blend", hint="leave one of them out")
        weights[name] = weight
    return weights


def parse_number(text: str, option: str, example: str) -> tuple[str, float]:
    """Name and number from ``name=number``.

    Raises:
        UsageError: The text has another form.
    """
    name, _, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = None
    if not name.strip() or number is None or isnan(number):
        raise UsageError(f"{text!r} is not NAME=NUMBER", where=option, hint=f"for example {option} {example}")
    return name.strip(), number


def refuse(values: Mapping[str, object], reason: str) -> None:
    """Refuse options that would have no effect.

    Args:
        values: Value of each parameter by its name; ``None``, ``False`` and an empty list mean that it was not given.
        reason: Why they have none.

    Raises:
        UsageError: One was given.
    """
    for name, value in values.items():
        if value is not None and value is not False and value != []:
            raise UsageError(f"--{name.replace('_', '-')} has no use here: {reason}", hint="leave it out")


def parse_names(text: str, option: str) -> list[str]:
    """Names from a list with commas.

    Raises:
        UsageError: There is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError("no name given", where=option, hint=f"for example {option} title,text")
    return names


def parse_ks(text: str) -> list[int]:
    """Whole numbers from a list with commas.

    Raises:
        UsageError: Something else is in it.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{text!r} is no list of whole numbers", where="--k", hint="for example --k 10,100") from None


def load_model(
    name: str,
    *,
    max_length: int | None = None,
    language: str | None = None,
    k1: float | None = None,
    b: float | None = None,
    backend: str | None = None,
    threads: int | None = None,
    for_index: bool = False,
) -> AnyEncoder:
    """The encoder of a name, after a check that each given option concerns one of its parts.

    With ``for_index``, a model reads ``lsr.defaults.INDEX_LENGTH`` tokens of a document unless ``max_length`` is given.

    Raises:
        UsageError: An option concerns no part of the model.
        LsrError: As ``lsr.encoders.registry.load_encoder``.
    """
    from lsr.encoders.registry import BM25, load_encoder, load_encoder_for_index

    given = {
        "max_length": max_length, "language": language, "k1": k1, "b": b, "backend": backend, "threads": threads
    }  # fmt: skip
    load = load_encoder_for_index if for_index else load_encoder
    encoder = load(name, **given)
    sources = {part.source for part in encoder.parts}
    of_models = [option for option in _OF_MODELS if option != "threads" or not for_index]  # inversion uses them too
    idle = {} if sources - {BM25} else dict.fromkeys(of_models, "a learned model")
    idle |= {} if BM25 in sources else dict.fromkeys(_OF_BM25, "BM25")
    for setting, kind in idle.items():
        if given[setting] is not None:
            option = f"--{setting.replace('_', '-')}"
            raise UsageError(f"it concerns {kind}, which is no part of {name}", where=option, hint="leave it out")
    return encoder
