"""Any masked language model that transformers knows, through torch; nothing else in lsr imports either of them.

The output embedding is taken out of the model, which then returns the states that the vocabulary head multiplies. The
head is the same code for every backend.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsr.encoders.model_directory import ModelDirectory
from lsr.encoders.streams import SharedContext, one_blas_thread
from lsr.encoders.tokenization import PackedTokens
from lsr.encoders.vocabulary_head import VocabularyHead
from lsr.errors import BadModel, MissingExtra


def is_installed() -> bool:
    """Whether torch and transformers can be imported."""
    return find_spec("torch") is not None and find_spec("transformers") is not None


class TorchMaskedLM:
    """The states that the vocabulary head multiplies, and the head itself; loaded at first use.

    Args:
        model: A checked model directory.

    Raises:
        MissingExtra: torch or transformers is not installed.
    """

    def __init__(self, model: ModelDirectory) -> None:
        if not is_installed():
            raise MissingExtra(f"a model of type {model.model_type} (or the backend torch)", "torch")
        self._directory = model
        self._lock = Lock()
        self._loaded: tuple[Any, VocabularyHead] | None = None

    @property
    def head(self) -> VocabularyHead:
        """Output embedding and bias.

        Raises:
            BadModel: The directory can't be loaded as a masked language model.
        """
        return self.load()[1]

    def load(self) -> tuple[Any, VocabularyHead]:
        """The trunk and the head.

        Raises:
            BadModel: The directory can't be loaded as a masked language model.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = _load(self._directory)
            return self._loaded

    def states(self, tokens: PackedTokens) -> NDArray[np.float32]:
        """Transformed token states, float32 [rows, hidden]; rows between texts hold zeros.

        One text at a time: a padded batch is no faster on a CPU, and would round a text's states by its neighbours.
        """
        import torch

        network, head = self.load()
        states = np.zeros((len(tokens.ids), head.width), np.float32)
        with torch.inference_mode():
            for span in tokens.spans:
                ids = torch.from_numpy(tokens.ids[span].astype(np.int64))[None]
                states[span] = network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].numpy()
        return states

    def streams(self) -> AbstractContextManager[None]:
        """Context for several calls at a time: one thread for each of them, in torch as in BLAS."""
        return _one_torch_thread()


@contextmanager
def _limited_torch() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with one_blas_thread():
            yield
    finally:
        torch.set_num_threads(before)


_one_torch_thread = SharedContext(_limited_torch)


def _load(model: ModelDirectory) -> tuple[Any, VocabularyHead]:
    import torch

    where = str(model.path)
    network = _network(model)
    decoder = network.get_output_embeddings()
    if decoder is None:
        raise BadModel(f"{type(network).__name__} has no output embedding", where=where)
    weight = decoder.weight.detach().float().numpy()
    bias = getattr(decoder, "bias", None)
    offsets = np.zeros(len(weight), np.float32) if bias is None else bias.detach().float().numpy().copy()
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.parameters()):
        raise BadModel("the weights hold NaN or infinity", where=where, hint="the checkpoint is damaged")
    probe = torch.tensor([[1, 2, 3]]).clamp(max=model.vocabulary_size - 1)
    with torch.inference_mode():
        expected = network(input_ids=probe).logits[0].numpy()
        # models write the bias of the embedding that they are given elsewhere, so the stand-in carries one
        stand_in: Any = torch.nn.Identity()
        stand_in.bias = bias
        network.set_output_embeddings(stand_in)
        states = network(input_ids=probe).logits[0].numpy()
    if states.shape[1] != weight.shape[1] or not np.allclose(
        states @ weight.T + offsets, expected, rtol=1e-4, atol=1e-3
    ):
        raise BadModel(
            f"{type(network).__name__} does more than one linear map from states to logits, which is not supported",
            where=where,
        )
    return network, VocabularyHead(weight, offsets)


def _network(model: ModelDirectory) -> Any:
    from transformers import AutoModelForMaskedLM
    from transformers.utils import logging

    where = str(model.path)
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        network, report = AutoModelForMaskedLM.from_pretrained(
            model.path,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype="float32",
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise BadModel(f"transformers cannot load the model: {reason}", where=where) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
    for kind in ("missing_keys", "mismatched_keys"):
        if report[kind]:
            names = ", ".join(sorted(str(name) for name in report[kind])[:3])
            raise BadModel(
                f"the weights don't fit {type(network).__name__}: {kind.replace('_', ' ')} {names}",
                where=where,
                hint="a SPLADE encoder is a ...ForMaskedLM model with its own head",
            )
    return network.eval()
