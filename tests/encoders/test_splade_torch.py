from pathlib import Path

import numpy as np
import pytest
from tiny_bert import CONFIG, TOKENS, tensors, tokenizer, write_json, write_model, write_sparse_encoder

import lsr
from lsr.encoders import torch_backend
from lsr.encoders.splade import load_splade
from lsr.errors import BadModel, MissingExtra

EMBEDDED = Path(lsr.__file__).parent / "models" / "splade-tiny"
TEXTS = [
    "The weather is lovely today.",
    "",
    "cats",
    "he drove to the stadium " * 5,
    "cats and dogs " * 400,
    "☃ unbelievable",
]


def dense(vectors, width):
    out = np.zeros((len(vectors), width))
    for i in range(len(vectors)):
        terms, weights = vectors.row(i)
        out[i, terms] = weights
    return out


def plain_transformers(folder, texts, limit, pool="max"):
    """What a reader of the paper writes first: all logits of a padded batch, then mask, relu, logarithm and pooling."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.enable_truncation(limit)
    made.enable_padding(pad_id=transformers.AutoConfig.from_pretrained(folder).pad_token_id)
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    rows = []
    for batch in (made.encode_batch(texts[:3]), made.encode_batch(texts[3:])):
        ids = torch.tensor([encoding.ids for encoding in batch])
        mask = torch.tensor([encoding.attention_mask for encoding in batch])
        with torch.no_grad():
            scores = torch.log1p(torch.relu(model(input_ids=ids, attention_mask=mask).logits)) * mask[:, :, None]
        rows.append((scores.amax(1) if pool == "max" else scores.sum(1)).numpy())
    return np.concatenate(rows)


@pytest.fixture(scope="module")
def embedded_reference():
    return plain_transformers(EMBEDDED, TEXTS, 512)


@pytest.mark.parametrize("backend", ["native", "torch"])
def test_embedded_model_equals_plain_transformers(backend, embedded_reference):
    encoder = load_splade("splade-tiny", EMBEDDED, backend=backend, threads=2)
    found = dense(encoder.encode_documents(TEXTS), 30522)
    assert np.allclose(found, embedded_reference, rtol=0, atol=1e-5)
    assert encoder.document.counters.truncated == 1


@pytest.mark.parametrize("pooling", ["max", "sum"])
@pytest.mark.parametrize("untied", [False, True])
def test_backends_equal_plain_transformers_on_random_models(tmp_path, pooling, untied):
    folder = write_model(tmp_path, tensors(untied=untied), tie_word_embeddings=not untied)
    texts = [*TEXTS, *(" ".join(["cats"] * n) for n in range(50))]
    expected = plain_transformers(folder, texts, 48, pooling)
    for backend in ("native", "torch"):
        encoder = load_splade("m", folder, backend=backend, pooling=pooling, threads=2)
        assert np.allclose(dense(encoder.encode_documents(texts), len(TOKENS)), expected, rtol=1e-5, atol=1e-5)


def random_model(folder, kind, **settings):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(
        kind, **{"vocab_size": len(TOKENS), "initializer_range": 0.5, "pad_token_id": 0, **settings}
    )
    model = transformers.AutoModelForMaskedLM.from_config(config)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Linear | torch.nn.LayerNorm) and module.bias is not None:
                module.bias.normal_(0, 0.3)
    model.save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    return folder


SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("distilbert", {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 48, "max_position_embeddings": 40}),
        ("roberta", {**SMALL, "max_position_embeddings": 41}),
        ("xlm-roberta", {**SMALL, "max_position_embeddings": 41}),
        ("bert", {**SMALL, "hidden_act": "gelu_new", "max_position_embeddings": 40}),
    ],
)
def test_other_architectures_go_through_torch(tmp_path, kind, settings):
    folder = random_model(tmp_path, kind, **settings)
    encoder = load_splade("m", folder)
    expected = plain_transformers(folder, TEXTS, 40)
    assert (expected > 0).mean() > 0.01
    assert encoder.document.identity["max_length"] == 40
    assert np.allclose(dense(encoder.encode_documents(TEXTS), len(TOKENS)), expected, atol=1e-5)
    assert np.allclose(dense(encoder.encode_queries(TEXTS), len(TOKENS)), expected, atol=1e-5)


def test_wide_models_use_torch_for_documents_and_numpy_for_queries(tmp_path):
    wide = {"hidden_size": 400, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    folder = random_model(tmp_path, "bert", max_position_embeddings=40, **wide)
    encoder = load_splade("m", folder, threads=1)
    assert isinstance(encoder.document._backend, torch_backend.TorchMaskedLM)
    assert not isinstance(encoder.query._backend, torch_backend.TorchMaskedLM)
    found = [
        dense(vectors, len(TOKENS)) for vectors in (encoder.encode_documents(TEXTS), encoder.encode_queries(TEXTS))
    ]
    assert np.allclose(*found, atol=1e-4)


def test_torch_keeps_its_own_thread_count(tmp_path):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    encoder = load_splade("m", write_model(tmp_path), backend="torch", threads=2)
    encoder.encode_documents(["cats and dogs " * 20] * 100)
    assert torch.get_num_threads() == before


def test_through_torch_too_a_vector_depends_on_its_text_alone(tmp_path):
    pytest.importorskip("transformers")
    folder = write_model(tmp_path)
    texts = [*TEXTS, *(" ".join(["cats"] * n) for n in range(40))]
    together, reversed_, one = (
        load_splade("m", folder, backend="torch", threads=threads).encode_documents(order)
        for threads, order in ((2, texts), (2, texts[::-1]), (1, texts))
    )
    alone = load_splade("m", folder, backend="torch")
    expected = dense(together, len(TOKENS))
    for found in (
        dense(reversed_, len(TOKENS))[::-1],
        dense(one, len(TOKENS)),
        np.concatenate([dense(alone.encode_documents([text]), len(TOKENS)) for text in texts]),
    ):
        assert np.allclose(found, expected, rtol=0, atol=1e-6)


def test_backends_share_one_identity(tmp_path):
    pytest.importorskip("transformers")
    folder = write_sparse_encoder(tmp_path)
    native, torch = (load_splade("m", folder, backend=backend) for backend in ("native", "torch"))
    assert native.document_fingerprint == torch.document_fingerprint


# refusals


def test_without_torch_the_extra_is_named_and_native_models_still_work(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_backend, "find_spec", lambda name: None)
    folder = write_model(tmp_path)
    assert load_splade("m", folder).encode_documents(["cats"]).nnz > 0
    with pytest.raises(MissingExtra, match=r"\[torch\]"):
        load_splade("m", folder, backend="torch")
    write_json(folder / "config.json", CONFIG | {"model_type": "distilbert"})
    with pytest.raises(MissingExtra, match="type distilbert"):
        load_splade("m", folder)


def torch_refuses(folder):
    pytest.importorskip("transformers")
    with pytest.raises(BadModel) as caught:
        load_splade("m", folder).encode_documents(["cats"])
    return str(caught.value)


def gelu_new(folder, weights=None, **config):
    """A BERT that only torch computes."""
    return write_model(folder, weights, hidden_act="gelu_new", **config)


def test_a_head_that_torch_would_make_up_is_refused(tmp_path):
    weights = tensors()
    del weights["cls.predictions.transform.dense.weight"]
    assert "missing keys cls.predictions.transform.dense.weight" in torch_refuses(gelu_new(tmp_path, weights))


def test_tensors_of_another_shape_are_refused(tmp_path):
    weights = tensors()
    weights["bert.encoder.layer.0.output.dense.bias"] = np.zeros(31, np.float32)
    assert "cannot load" in torch_refuses(gelu_new(tmp_path, weights))


def test_nan_weights_are_refused(tmp_path):
    weights = tensors()
    weights["bert.encoder.layer.0.output.dense.bias"][0] = np.nan
    assert "NaN" in torch_refuses(gelu_new(tmp_path, weights))


def test_remote_code_is_never_run(tmp_path):
    folder = write_model(tmp_path, model_type="custom-thing", auto_map={"AutoModelForMaskedLM": "evil.Model"})
    (folder / "evil.py").write_text("raise SystemExit('this code must not run')")
    assert "cannot load" in torch_refuses(folder)


def test_a_model_with_more_than_a_linear_map_after_its_states_is_refused(tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    plain = transformers.BertForMaskedLM.forward

    def squashed(self, *args, **kwargs):
        output = plain(self, *args, **kwargs)
        output.logits = output.logits.tanh()
        return output

    monkeypatch.setattr(transformers.BertForMaskedLM, "forward", squashed)
    assert "more than one linear map" in torch_refuses(gelu_new(tmp_path))
