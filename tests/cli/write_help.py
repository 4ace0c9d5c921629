"""Bring the help texts in docs/CLI.md up to date: ``python tests/cli/write_help.py``."""

import contextlib
import io
import os
import re
from pathlib import Path

from lsr.cli.app import VERBS, main

PAGE = Path(__file__).parents[2] / "docs" / "CLI.md"


def help_text(verb: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main([verb, "--help"])
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


if __name__ == "__main__":
    os.environ["COLUMNS"] = "100"
    page = PAGE.read_text()
    for verb in VERBS:
        block = f"## lsr {verb}\n\n```\n{help_text(verb)}\n```\n"
        page = re.sub(
            rf"^## lsr {verb}\n\n```\n.*?^```\n", lambda _, block=block: block, page, flags=re.DOTALL | re.MULTILINE
        )
    PAGE.write_text(page)
