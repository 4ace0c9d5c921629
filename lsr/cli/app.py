"""The command ``lsr``: its verbs, and the way in."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from lsr import __version__
from lsr.cli.bench import bench
from lsr.cli.encode import encode
from lsr.cli.eval import evaluation
from lsr.cli.exits import outcome, sigterm_raises
from lsr.cli.explain import explain
from lsr.cli.export import export
from lsr.cli.import_ import import_
from lsr.cli.index import index
from lsr.cli.info import info
from lsr.cli.output import answer, answering, fill_closed_streams
from lsr.cli.search import search
from lsr.cli.verify import verify
from lsr.cli.warmup import warmup
from lsr.errors import DISTRIBUTION, UsageError

VERBS: dict[str, Callable[..., int | None]] = {
    "index": index,
    "search": search,
    "encode": encode,
    "explain": explain,
    "eval": evaluation,
    "bench": bench,
    "info": info,
    "verify": verify,
    "export": export,
    "import": import_,
    "warmup": warmup,
}

_CommandLineError: Any = typer.BadParameter.__base__
"""What typer raises for a wrong command line; it exports only this subclass of it."""

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="Exit codes: 0 done, 1 the answer is no, 2 usage, 3 not found, 4 wrong input, 5 an optional part is "
    "missing, 6 refused, 7 cannot write, 70 a defect, 130 Ctrl-C, 143 SIGTERM.",
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Learned sparse retrieval: encode, index, search, measure.

    Examples:
      lsr index docs.jsonl --out my.idx
      lsr search my.idx what is block-max pruning
    """
    if version:
        answer(f"{DISTRIBUTION} {__version__}")
    elif context.invoked_subcommand is None:
        answer(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What follows the command's name; the process's own arguments if not given.

    Returns:
        The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    fill_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    with sigterm_raises():
        return outcome(lambda: _dispatch(given), as_json="--json" in given)


def _dispatch(arguments: list[str]) -> int | None:
    try:
        with answering():  # verbs settle their own errors, so only the text of --help can fail here
            code: int | None = app(arguments, prog_name="lsr", standalone_mode=False)
    except _CommandLineError as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "lsr"
        raise UsageError(error.format_message().rstrip("."), hint=f"{path} --help shows how it is used") from error
    return code


def _command(verb: Callable[..., int | None]) -> Callable[..., None]:
    """A verb that settles its own exit code, before typer sees what it raises."""

    @functools.wraps(verb)
    def run(**values: Any) -> None:
        raise typer.Exit(outcome(lambda: verb(**values), as_json=values.get("as_json", False)))

    return run


def _help(function: Callable[..., Any]) -> str:
    """A docstring whose examples keep their lines."""
    return (inspect.getdoc(function) or "").replace("Examples:\n", "\b\nExamples:\n")


for _name, _verb in VERBS.items():
    app.command(_name, help=_help(_verb))(_command(_verb))
app.info.help = _help(_root)

if __name__ == "__main__":
    sys.exit(main())
