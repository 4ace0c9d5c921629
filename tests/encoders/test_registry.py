"""From names to encoders: what the hub says is told in sentences."""

import huggingface_hub
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from lsr.encoders.registry import load_encoder
from lsr.errors import NotFound


def raised(kind):
    """An error of the hub without the HTTP response that its constructor wants."""
    error = kind.__new__(kind)
    Exception.__init__(error, "404 Client Error")
    return error


@pytest.mark.parametrize(
    ("kind", "said", "hint"),
    [
        (RepositoryNotFoundError, "the hub has no public model of that name", "check the name"),
        (RevisionNotFoundError, "has no revision 'v9'", "check the revision"),
        (GatedRepoError, "only to accounts that have accepted its terms", "log in"),
        (LocalEntryNotFoundError, "could not be downloaded from the hub", "check the network"),
        (ConnectionError, "could not be downloaded from the hub", "check the network"),
    ],
)
def test_why_a_hub_model_cannot_be_had_is_a_sentence(monkeypatch, kind, said, hint):
    def fail(*_arguments, **_options):
        raise raised(kind)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(NotFound, match=said) as caught:
        load_encoder("owner/model", revision="v9")
    assert "'owner/model'" in caught.value.message
    assert kind.__name__ not in str(caught.value)
    assert hint in caught.value.hint
