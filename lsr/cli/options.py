"""Options that several verbs share, and how their values are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsr.errors import UsageError

if TYPE_CHECKING:
    from lsr.encoders.base import AnyEncoder

IndexFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The index.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, errors too.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, notes or summary.")]
Threads = Annotated[int, typer.Option("--threads", metavar="N", help="Threads that search.")]
EncodeThreads = Annotated[
    int | None, typer.Option("--threads", metavar="N", help="Threads that encode; all cores if not given.")
]
Blend = Annotated[
    str | None,
    typer.Option("--blend", metavar="A=1,B=0", help="Weight of each term space; those not named keep the index's."),
]
Impacts = Annotated[str, typer.Option("--impacts", metavar="TYPE", help="How weights are stored: uint8 or float32.")]
MaxLength = Annotated[
    int | None,
    typer.Option("--max-length", metavar="N", help="Tokens a model reads of a text; 256 of a document if not given."),
]
EncodeLength = Annotated[
    int | None,
    typer.Option("--max-length", metavar="N", help="Tokens the model reads of a text; its own limit if not given."),
]
Language = Annotated[
    str | None, typer.Option("--language", metavar="NAME", help="Stemmer and stop words of BM25; english if not given.")
]
K1 = Annotated[float | None, typer.Option("--k1", metavar="X", help="BM25: saturation; 0.9 if not given.")]
B = Annotated[float | None, typer.Option("--b", metavar="X", help="BM25: length normalisation; 0.4 if not given.")]
Backend = Annotated[
    str | None,
    typer.Option("--backend", metavar="NAME", help="What computes documents: auto (default), native or torch."),
]

_OF_MODELS = ("max_length", "backend")
_OF_BM25 = ("language", "k1", "b")


def parse_blend(text: str | None) -> dict[str, float] | None:
    """Weights by name from ``a=1,b=0.5``; ``None`` stays ``None``.

    Raises:
        UsageError: The text has another form.
    """
    return (
        None
        if text is None
        else dict(parse_number(part, "--blend", "splade-tiny=1,bm25=0") for part in text.split(","))
    )


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
    if not name.strip() or number is None:
        raise UsageError(f"{text!r} is not NAME=NUMBER", where=option, hint=f"for example {option} {example}")
    return name.strip(), number


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

    With ``for_index``, models read at most 256 tokens of a document unless ``max_length`` says otherwise.

    Raises:
        UsageError: An option concerns no part of the model.
        LsrError: As ``lsr.encoders.registry.load_encoder``.
    """
    from lsr.encoders.registry import BM25, load_encoder, load_encoder_for_index

    given = {"max_length": max_length, "language": language, "k1": k1, "b": b, "backend": backend}
    load = load_encoder_for_index if for_index else load_encoder
    encoder = load(name, **given, threads=threads)
    sources = {part.source for part in encoder.parts}
    idle = {} if sources - {BM25} else dict.fromkeys(_OF_MODELS, "a learned model")
    idle |= {} if BM25 in sources else dict.fromkeys(_OF_BM25, "BM25")
    for setting, kind in idle.items():
        if given[setting] is not None:
            option = f"--{setting.replace('_', '-')}"
            raise UsageError(f"it concerns {kind}, which is no part of {name}", where=option, hint="leave it out")
    return encoder
