"""The options of this suite itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

_SAMPLE = """
import pytest
from hypothesis import settings

@pytest.mark.slow
def test_long():
    pass

def test_examples():
    assert settings().max_examples == {examples}
"""


@pytest.mark.parametrize(
    ("options", "examples", "said"), [([], 100, "1 passed, 1 skipped"), (["--run-slow"], 2000, "2 passed")]
)
def test_long_runs_are_made_on_demand_only(tmp_path, options, examples, said):
    (tmp_path / "test_sample.py").write_text(_SAMPLE.format(examples=examples))
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-c", TESTS.parent / "pyproject.toml"]
    done = subprocess.run(
        [*command, *options, tmp_path / "test_sample.py", "-rN", "-q", "--no-header", "-o", "addopts=--strict-markers"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout
