"""The page about the command line is complete, and every example is a command line that is understood."""

import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer

from lsr.cli.app import VERBS, app

PAGE = (Path(__file__).parents[2] / "docs" / "CLI.md").read_text()
SECTIONS = dict(re.findall(r"^## lsr (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
GROUP = typer.main.get_command(app)
BLOCK = re.compile(r"^Examples:\n(.*?)\n(?:\n|\Z)", re.DOTALL | re.MULTILINE)
EXAMPLES = {verb: BLOCK.search(inspect.getdoc(function) + "\n")[1].splitlines() for verb, function in VERBS.items()}


def test_every_verb_has_its_section():
    assert list(SECTIONS) == list(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_described(verb):
    for parameter in GROUP.commands[verb].params:
        if parameter.param_type_name == "option":
            name = max(parameter.opts, key=len)
            assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", SECTIONS[verb]), name
            assert parameter.help in " ".join(SECTIONS[verb].split()), name


@pytest.mark.parametrize("verb", VERBS)
def test_every_help_begins_with_examples_that_parse(verb):
    lines = inspect.getdoc(VERBS[verb]).splitlines()
    assert lines[2] == "Examples:"
    for line in EXAMPLES[verb]:
        assert line.strip() in SECTIONS[verb]
        for part in line.split(" | "):
            words = shlex.split(part.split(" > ")[0])
            if words[0] == "lsr":
                assert words[1] in VERBS
                GROUP.commands[words[1]].make_context(words[1], words[2:])


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 6, 7, 70, 130, 143])
def test_every_exit_code_is_explained(code):
    assert re.search(rf"^\| {code} \| \w.*\|$", PAGE, re.MULTILINE)


def test_the_exit_codes_of_errors_are_those_of_the_page():
    from lsr import errors

    classes = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.LsrError)
    ]
    for error in classes:
        assert re.search(rf"^\| {error.exit_code} \|", PAGE, re.MULTILINE), error
