"""The README's examples print what the README says."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    found = [body for kind, body in re.findall(r"```(\w+)\n(.*?)```", README, re.S) if kind == language]
    return next(body for body in found if containing in body)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    (folder / "docs.jsonl").write_text(block("json", '"owl"'), encoding="utf-8")
    return folder


def run(folder, *command):
    result = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_console_examples(folder):
    session = re.split(r"^\$ ", block("console", "animals.idx"), flags=re.M)[1:]
    assert len(session) >= 4
    for step in session:
        command, _, expected = step.partition("\n")
        program, *arguments = shlex.split(command)
        assert program == "lsr"
        same_but_for_last_digits(run(folder, "-m", "lsr", *arguments), expected)


def same_but_for_last_digits(printed, expected):
    """Equal text; decimals may differ in the fourth place, since processors add in different orders."""
    number = re.compile(r"\d+\.\d+")
    assert number.sub("#", printed) == number.sub("#", expected)
    found = [float(text) for text in number.findall(printed)]
    assert found == pytest.approx([float(text) for text in number.findall(expected)], abs=2e-4)


def test_python_example(folder):
    if not (folder / "animals.idx").exists():
        run(folder, "-m", "lsr", "index", "docs.jsonl", "--out", "animals.idx")
    code = block("python", "animals.idx")
    expected = "".join(line[2:] + "\n" for line in code.splitlines() if line.startswith("# "))
    assert expected
    same_but_for_last_digits(run(folder, "-c", code), expected)


def test_the_example_of_the_evaluation_page_is_a_row_of_the_demo():
    page = (Path(__file__).parents[2] / "docs" / "EVALUATION.md").read_text(encoding="utf-8")
    row = json.loads(re.search(r"```json\n(.*?)```", page, re.S)[1])
    figures = "".join(f" +{value:.4f}" for value in row["measures"].values())
    assert re.search(rf"^{row['dataset']} +{re.escape(row['system'])} +{row['queries']}{figures}$", README, re.M)


def test_every_document_named_in_the_readme_exists():
    root = Path(__file__).parents[2]
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (root / target).exists(), target
