"""One place says what holds when nobody says otherwise."""

import ast
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import lsr
from lsr import defaults
from lsr.encoders.bm25 import load_bm25
from lsr.eval import evaluate, evaluate_index


def test_help_needs_none_of_the_libraries_behind_the_defaults():
    code = "import sys, lsr.cli.app, lsr.defaults; print('numpy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
    tree = ast.parse(Path(defaults.__file__).read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def default(function, name):
    return inspect.signature(function).parameters[name].default


def test_python_and_command_line_have_the_same_defaults():
    from lsr.cli.encode import encode
    from lsr.cli.eval import evaluation
    from lsr.cli.index import index

    assert default(lsr.Index.build, "encoder") == defaults.MODEL
    assert default(lsr.Index.build, "impacts") == default(index, "impacts") == defaults.IMPACTS
    assert default(lsr.Searcher.search, "k") == default(lsr.Searcher.search_batch, "k") == defaults.HITS
    assert default(evaluate_index, "depth") == defaults.DEPTH
    assert tuple(default(evaluation, "measures").split()) == default(evaluate, "measures") == defaults.MEASURES
    assert default(encode, "model") == defaults.EMBEDDED_MODEL
    assert load_bm25().settings == {"language": defaults.LANGUAGE, "k1": defaults.K1, "b": defaults.B}


def test_the_version_stands_in_one_place():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "lsr.__version__"}
