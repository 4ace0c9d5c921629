"""What holds for the whole suite: the long runs, how many examples hypothesis tries, and a cache folder of its own."""

import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=100, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)


def pytest_addoption(parser):
    parser.addoption(
        "--run-slow",
        action="store_true",
        help="run tests marked slow too, and let hypothesis try 2000 examples of a property instead of 100",
    )


def pytest_configure(config):
    settings.load_profile("thorough" if config.getoption("--run-slow") else "quick")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="a long run, made with --run-slow"))


@pytest.fixture(autouse=True, scope="session")
def common_cache(tmp_path_factory):
    """A cache folder for what fixtures of a whole module build."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LSR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's cache folder."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LSR_CACHE", str(folder))
    return folder
