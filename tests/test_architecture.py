"""ARCHITECTURE.md's rules, checked against the code."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import lsr
from lsr import errors
from lsr._clash import warn_about_namesake

PACKAGE = Path(lsr.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)
ARCHITECTURE = (PACKAGE.parent / "ARCHITECTURE.md").read_text()
HEAVY = {
    "torch": {"encoders/torch_backend.py"},
    "transformers": {"encoders/torch_backend.py"},
    "ranx": {"eval/measures.py"},
    "pandas": set(),
    "faiss": set(),
}
EXIT_CODES = {"UsageError": 2, "NotFound": 3, "InputError": 4, "MissingExtra": 5, "Refused": 6, "WriteFailed": 7}
ROOT_MODULES = ("__init__.py", "__main__.py", "_clash.py")


def relative(path):
    return path.relative_to(PACKAGE).as_posix()


def layers():
    """The table of ARCHITECTURE.md, from top to bottom: one set of names under ``lsr`` a row."""
    rows = re.findall(r"^\| \d \| (.+?) \| .+? \|$", ARCHITECTURE, re.MULTILINE)
    return [{Path(name).stem for name in re.findall(r"`lsr/([\w/.]+)`", modules)} for modules in rows]


def row_of(path_or_module):
    """The row that owns a file (relative path) or a dotted module name under ``lsr``."""
    top = re.split(r"[/.]", path_or_module)[0]
    return next((i for i, names in enumerate(layers()) if top in names), None)


def imported(tree):
    """Dotted names of all modules that a syntax tree imports, and whether each import stands at module level."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or _is_type_checking(function)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, id(node) not in inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for name in node.names:
                yield f"{node.module}.{name.name}", id(node) not in inside


def _is_type_checking(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_short_and_imports_only_rows_above_its_own(path):
    source = path.read_text()
    assert source.count("\n") <= 400
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    if relative(path) in ROOT_MODULES:
        return
    own = row_of(relative(path).removesuffix(".py"))
    assert own is not None, "ARCHITECTURE.md's table does not have this module"
    for name, _ in imported(tree):
        if name.startswith("lsr.") and name != "lsr.__version__":
            other = row_of(name.removeprefix("lsr."))
            assert other is not None, name
            assert other <= own, f"{name} is further down in the table"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_heavy_libraries_are_imported_inside_functions_of_one_module(path):
    for name, at_module_level in imported(ast.parse(path.read_text())):
        library = name.split(".")[0]
        if library in HEAVY:
            assert relative(path) in HEAVY[library], library
            assert not at_module_level, library
        assert library not in ("pickle", "dill", "joblib"), "nothing is pickled"


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_a_folder_says_which_question_it_answers(folder):
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    first_sentence = re.match(r".+?[.?!](?=\s|$)", docstring, re.DOTALL)[0]
    assert first_sentence.endswith("?")


def test_importing_lsr_is_light():
    light = "import sys, json, lsr; dir(lsr); print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    loaded = set(json.loads(subprocess.check_output([sys.executable, "-c", light], text=True)))
    assert not loaded & {*HEAVY, "numpy", "numba", "tokenizers", "typer", "rich"}
    assert "lsr" in loaded


def test_public_names_resolve():
    for name in lsr.__all__:
        assert getattr(lsr, name).__doc__
        assert name in dir(lsr)
    for folder in FOLDERS:
        module = importlib.import_module(".".join(("lsr", *folder.relative_to(PACKAGE).parts)))
        for name in getattr(module, "__all__", ()):
            assert hasattr(module, name), (module.__name__, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = lsr.nothing


def subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_has_an_exit_code_of_the_table():
    kinds = list(subclasses(errors.LsrError))
    for kind in kinds:
        if kind.__module__ != "lsr.errors":
            continue
        documented = re.search(rf"^.*── {kind.__name__}\b.*$", errors.__doc__, re.MULTILINE)
        assert documented, f"{kind.__name__} is not in the tree of lsr.errors"
        base = next(ancestor for ancestor in inspect.getmro(kind) if ancestor.__name__ in EXIT_CODES)
        assert kind.exit_code == EXIT_CODES[base.__name__]
        if kind is base:
            assert f"exit {kind.exit_code}" in documented[0]
    assert {kind.code for kind in kinds} == {
        *("usage", "not_found", "input", "bad_input", "bad_model", "model_mismatch", "incompatible_index"),
        *("corrupt_index", "missing_extra", "refused", "write_failed"),
    }


def test_an_error_says_what_where_and_what_to_do():
    error = errors.NotFound("no such index", hint="build one", where="x.idx")
    assert str(error) == "x.idx: no such index (hint: build one)"
    assert error.as_dict() == {"code": "not_found", "message": "no such index", "hint": "build one", "path": "x.idx"}
    assert "pip install 'lsr-search[eval]'" in errors.MissingExtra("evaluation", "eval").hint
    assert str(errors.UsageError("plain")) == "plain"


def test_a_namesake_in_the_same_folder_is_noticed(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_about_namesake()
        warn_about_namesake(str(tmp_path))
    (tmp_path / "models").mkdir()  # our own folder of that name is no package
    (tmp_path / "losses").mkdir()
    (tmp_path / "losses" / "__init__.py").write_text("")
    (tmp_path / "trainer.py").write_text("")
    with pytest.warns(UserWarning, match=r"another package named 'lsr'.*holds losses, trainer.*reinstall lsr-search"):
        warn_about_namesake(str(tmp_path))
