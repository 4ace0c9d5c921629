import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info
from tiny_bert import TOKENS, as_bfloat16, tensors, write_model, write_sparse_encoder

import lsr
from lsr.encoders.bert_native import gelu
from lsr.encoders.splade import load_splade
from lsr.encoders.streams import SharedContext, available_threads, in_streams, one_blas_thread

EMBEDDED = Path(lsr.__file__).parent / "models" / "splade-tiny"
SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
TEXTS = [
    "The weather is lovely today.",
    "",
    "cats",
    "he drove to the stadium and he drove to the stadium " * 3,
    "unbelievable, sunny dogs sleeping outside!",
    "cats and dogs " * 40,
    " ",
    "éàü ☃ 猫",
]
words = st.text(alphabet="abcdehst .!", max_size=60)


TERMS = len(TOKENS)


def dense(vectors, width=TERMS):
    out = np.zeros((len(vectors), width))
    for i in range(len(vectors)):
        terms, weights = vectors.row(i)
        assert np.all(np.diff(terms.astype(np.int64)) > 0)
        assert np.all(weights > 0)
        out[i, terms] = weights
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("tiny-bert"))


@pytest.fixture(scope="module")
def encoder(folder):
    return load_splade("tiny", folder, threads=2)


@pytest.fixture(scope="module")
def embedded():
    return load_splade("splade-tiny", EMBEDDED, threads=2)


# the embedded model


def test_embedded_model_gives_the_published_similarities_and_terms(embedded):
    vectors = embedded.encode_documents(SENTENCES)
    rows = dense(vectors, 30522)
    expected = [[39.7144, 7.1666, 0], [7.1666, 27.0241, 0.1395], [0, 0.1395, 26.3410]]
    assert np.allclose(rows @ rows.T, expected, atol=1e-4)
    first = list(vectors.to_dicts()[0].items())[:5]
    assert [token for token, _ in first] == ["today", "lovely", "weather", "summers", "cool"]
    assert [weight for _, weight in first] == pytest.approx([2.54, 2.12, 2.04, 2.04, 1.81], abs=6e-3)


def test_queries_and_documents_of_the_embedded_model_agree_and_empty_text_has_six_terms(embedded):
    assert np.allclose(
        dense(embedded.encode_queries(SENTENCES), 30522), dense(embedded.encode_documents(SENTENCES), 30522), atol=1e-6
    )
    assert embedded.encode_documents([""]).nnz == 6
    assert (embedded.name, embedded.capacity) == ("splade-tiny", 30522)


def test_a_query_in_a_new_process_needs_no_heavy_library():
    code = (
        "import sys; from pathlib import Path; from lsr.encoders.splade import load_splade;"
        f"v = load_splade('m', Path({str(EMBEDDED)!r})).encode_queries(['sunny weather']);"
        "assert v.nnz > 3;"
        "print([m for m in ('torch', 'transformers', 'numba', 'scipy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


# the numbers, against a plain float64 computation


def erf(x):
    from math import erf as scalar

    return np.vectorize(scalar)(x)


def reference_logits(weights, ids):
    """Logits [tokens, terms] of a BERT in float64, written down layer by layer."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        x = x - x.mean(1, keepdims=True)
        return x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def act(x):
        return x * 0.5 * (1 + erf(x / np.sqrt(2)))

    words = w["bert.embeddings.word_embeddings.weight"]
    x = words[ids] + w["bert.embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["bert.embeddings.token_type_embeddings.weight"][0], "bert.embeddings.LayerNorm")
    for i in range(2):
        name = f"bert.encoder.layer.{i}"
        q, k, v = (linear(x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        mixed = []
        for head in (slice(0, 16), slice(16, 32)):
            p = np.exp(q[:, head] @ k[:, head].T / 4)
            mixed.append(p / p.sum(1, keepdims=True) @ v[:, head])
        y = norm(x + linear(np.hstack(mixed), f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        inner = act(linear(y, f"{name}.intermediate.dense"))
        x = norm(y + linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    h = norm(act(linear(x, "cls.predictions.transform.dense")), "cls.predictions.transform.LayerNorm")
    table = w.get("cls.predictions.decoder.weight", words)
    return h @ table.T + w.get("cls.predictions.decoder.bias", w["cls.predictions.bias"])


def reference(folder, weights, texts, pool=np.max, double=False, limit=48):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(limit)
    rows = []
    for text in texts:
        scores = np.log1p(np.maximum(reference_logits(weights, tokenizer.encode(text).ids), 0))
        rows.append(pool(np.log1p(scores) if double else scores, axis=0))
    return np.array(rows)


def test_max_pooling_equals_the_plain_computation(folder, encoder):
    expected = reference(folder, tensors(), TEXTS)
    assert 0.02 < (expected > 0).mean() < 0.9
    assert np.allclose(dense(encoder.encode_documents(TEXTS)), expected, atol=1e-5)
    assert np.allclose(dense(encoder.encode_queries(TEXTS)), expected, atol=1e-5)


def test_every_length_up_to_the_limit_and_beyond(folder, encoder):
    texts = [" ".join(["cats"] * n) for n in range(60)]
    assert np.allclose(dense(encoder.encode_documents(texts)), reference(folder, tensors(), texts), atol=1e-5)


def test_sum_pooling_equals_the_plain_computation(folder):
    summed = load_splade("tiny", folder, pooling="sum", threads=1)
    expected = reference(folder, tensors(), TEXTS, np.sum)
    assert np.allclose(dense(summed.encode_documents(TEXTS)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("pooling", "pool"), [("max", np.max), ("sum", np.sum)])
def test_double_logarithm_equals_the_plain_computation(tmp_path, pooling, pool):
    folder = write_sparse_encoder(tmp_path, {"pooling_strategy": pooling, "activation_function": "log1p_relu"})
    expected = reference(folder, tensors(), TEXTS, pool, double=True)
    assert np.allclose(dense(load_splade("m", folder).encode_documents(TEXTS)), expected, rtol=1e-5, atol=1e-5)


def test_an_untied_head_is_used_with_its_own_bias(tmp_path):
    weights = tensors(untied=True)
    folder = write_model(tmp_path, weights, tie_word_embeddings=False)
    found = dense(load_splade("m", folder).encode_documents(TEXTS))
    assert np.allclose(found, reference(folder, weights, TEXTS), atol=1e-5)


def test_old_norm_names_are_understood(tmp_path, encoder):
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in tensors().items()
    }
    found = load_splade("m", write_model(tmp_path, old)).encode_documents(TEXTS)
    assert np.array_equal(found.weights, encoder.encode_documents(TEXTS).weights)


def test_half_precision_files_are_computed_in_single_precision(tmp_path):
    half = {name: value.astype(np.float16) for name, value in tensors().items()}
    folder = write_model(tmp_path / "f16", half)
    assert np.allclose(
        dense(load_splade("m", folder).encode_documents(TEXTS)), reference(folder, half, TEXTS), atol=1e-5
    )
    folder = write_model(tmp_path / "bf16")
    cut = as_bfloat16(tensors(), folder / "model.safetensors")
    assert np.allclose(
        dense(load_splade("m", folder).encode_documents(TEXTS)), reference(folder, cut, TEXTS), atol=1e-5
    )


def test_gelu_is_the_exact_one_to_two_parts_in_ten_million():
    x = np.concatenate([np.linspace(-12, 12, 40001), [0.0, -0.0, 1e30, -1e30]]).astype(np.float32)
    exact = x.astype(np.float64) * 0.5 * (1 + erf(x / np.sqrt(2)))
    with np.errstate(over="ignore"):
        found = gelu(x.copy())
    assert np.all(np.abs(found - exact) <= 2e-7 * np.maximum(1, np.abs(exact)))


# invariances


@settings(max_examples=settings().max_examples // 4)
@given(texts=st.lists(words, min_size=1, max_size=12), data=st.data())
def test_a_vector_depends_on_its_text_alone(encoder, texts, data):
    together = dense(encoder.encode_documents(texts))
    order = data.draw(st.permutations(range(len(texts))))
    shuffled = dense(encoder.encode_documents([texts[i] for i in order]))
    alone = np.concatenate([dense(encoder.encode_queries([text])) for text in texts])
    assert np.allclose(shuffled, together[list(order)], rtol=0, atol=1e-6)
    assert np.allclose(alone, together, rtol=0, atol=1e-6)


def test_thread_count_and_batches_change_nothing(folder, embedded):
    texts = [f"document {i}: " + "the weather in the stadium " * (i % 40) for i in range(60)]
    one = load_splade("m", EMBEDDED, threads=1).encode_documents(texts)
    two = embedded.encode_documents(texts)
    assert np.array_equal(one.indptr, two.indptr)
    assert np.array_equal(one.terms, two.terms)
    assert np.allclose(one.weights, two.weights, rtol=0, atol=1e-6)


def test_one_encoder_serves_several_threads_at_once(encoder):
    texts = [text for text in TEXTS for _ in range(30)]
    expected = dense(encoder.encode_documents(texts))
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: dense(encoder.encode_documents(texts)), range(8)):
            assert np.allclose(found, expected, atol=1e-6)


# counts, limits, prompts, terms kept


def test_counters_say_what_was_read_and_cut(folder):
    encoder = load_splade("m", folder, max_length=8)
    encoder.encode_documents(["cats and dogs", "", "cats " * 6, "cats " * 7])
    counters = encoder.document.counters
    assert (counters.texts, counters.truncated, counters.empty) == (4, 1, 0)


def test_a_text_without_active_terms_is_an_empty_row_and_counted(tmp_path):
    weights = tensors()
    weights["cls.predictions.bias"][:] = -1000
    encoder = load_splade("m", write_model(tmp_path, weights))
    vectors = encoder.encode_documents(["cats", "dogs"])
    assert (len(vectors), vectors.nnz, encoder.document.counters.empty) == (2, 0, 2)


def test_no_texts_give_no_rows(encoder):
    assert len(encoder.encode_documents([])) == 0
    assert len(encoder.encode_queries([])) == 0


def test_each_side_has_its_own_limit(folder):
    encoder = load_splade("m", folder, max_length=20, query_max_length=5)
    text = "cats and dogs sleep outside the stadium"
    cut = dense(encoder.encode_queries(["cats and dogs"]))
    assert np.allclose(dense(encoder.encode_queries([text])), cut, atol=1e-6)
    assert not np.allclose(dense(encoder.encode_documents([text])), cut, atol=1e-2)
    assert encoder.document_fingerprint != encoder.query_fingerprint


def test_prompts_are_read_with_the_text_and_are_no_match(tmp_path, encoder):
    folder = write_sparse_encoder(tmp_path, prompts={"query": "he: ", "document": "the cats. "})
    prompted = load_splade("m", folder)
    assert np.allclose(
        dense(prompted.encode_documents(["dogs"])), dense(encoder.encode_documents(["the cats. dogs"])), atol=1e-6
    )
    assert np.allclose(dense(prompted.encode_queries(["dogs"])), dense(encoder.encode_queries(["he: dogs"])), atol=1e-6)
    assert prompted.document.matches("dogs") == encoder.document.matches("dogs")
    assert prompted.document.identity["prompt"] == "the cats. "


@given(k=st.integers(1, 12))
@settings(max_examples=settings().max_examples // 8)
def test_top_k_keeps_the_heaviest_terms(encoder, k):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        kept = load_splade("m", write_sparse_encoder(Path(folder), max_active_dims=k)).encode_documents(TEXTS)
    full = encoder.encode_documents(TEXTS)
    for i in range(len(TEXTS)):
        heaviest = np.sort(full.row(i)[1])[::-1][:k]
        assert np.allclose(np.sort(kept.row(i)[1])[::-1], heaviest, atol=1e-6)


def test_texts_are_lowercased_when_the_model_says_so(tmp_path):
    folder = write_model(tmp_path)
    raw = (folder / "tokenizer.json").read_text().replace('"lowercase": true', '"lowercase": false')
    (folder / "tokenizer.json").write_text(raw.replace('"lowercase":true', '"lowercase":false'))
    assert not np.array_equal(*dense(load_splade("m", folder).encode_documents(["CATS", "cats"])))
    (folder / "sentence_bert_config.json").write_text('{"do_lower_case": true}')
    lowering = load_splade("m", folder)
    assert np.allclose(*dense(lowering.encode_documents(["CATS", "cats"])), atol=1e-6)
    assert [(m.start, m.end) for m in lowering.document.matches("The CATS")] == [(0, 3), (4, 8)]


# matches, vocabulary, identity


def test_matches_are_the_word_pieces_with_their_places(encoder):
    text = "Unbelievable: cats sleep."
    pieces = [
        (text[m.start : m.end], encoder.document.vocabulary.token(m.term)) for m in encoder.document.matches(text)
    ]
    assert pieces == [
        ("Un", "un"),
        ("believ", "##believ"),
        ("able", "##able"),
        (":", "[UNK]"),
        ("cats", "cats"),
        ("sleep", "sleep"),
        (".", "."),
    ]
    assert encoder.document.matches("") == []


def test_matches_count_characters_not_bytes(encoder):
    text = "☃ déjà cats"
    assert text[slice(*[(m.start, m.end) for m in encoder.document.matches(text)][-1])] == "cats"


def test_vocabulary_names_the_terms(encoder):
    vocabulary = encoder.document.vocabulary
    assert len(vocabulary) == encoder.capacity == len(TOKENS)
    assert vocabulary.tokens == TOKENS
    assert [vocabulary.find(vocabulary.token(term)) for term in range(len(TOKENS))] == list(range(len(TOKENS)))
    assert (vocabulary.find("absent"), vocabulary.token(len(TOKENS)), vocabulary.token(-1)) == (None, None, None)


def test_identity_is_the_same_for_every_way_to_compute_and_differs_with_the_vectors(folder, encoder):
    assert load_splade("m", folder, threads=1, backend="native").document_fingerprint == encoder.document_fingerprint
    for change in ({"max_length": 20}, {"pooling": "sum"}):
        assert load_splade("m", folder, **change).document_fingerprint != encoder.document_fingerprint


def test_splade_needs_nothing_from_the_collection(encoder):
    raw = encoder.document.encode(["cats"])
    assert encoder.document.finish(raw, 3.0) is raw
    assert not encoder.needs_collection
    assert encoder.document.over(encoder.document.vocabulary) is encoder.document.fresh() is encoder.document


def test_overflowing_activations_are_reported(tmp_path):
    from lsr.errors import BadModel

    weights = tensors()
    weights["cls.predictions.transform.dense.weight"][:] = 3e38
    encoder = load_splade("m", write_model(tmp_path, weights))
    with np.errstate(all="ignore"), pytest.raises(BadModel, match="NaN or infinity"):
        encoder.encode_documents(["cats"])


# streams


def blas_threads():
    """Threads of numpy's own BLAS; a test process may hold others, which the encoder does not use."""
    return [
        info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas" and "numpy" in info["filepath"]
    ]


def test_results_come_in_order_with_one_blas_thread_each():
    before = blas_threads()
    inside = in_streams(lambda i: (i, set(blas_threads())), list(range(9)), 3, one_blas_thread)
    assert inside == [(i, {1}) for i in range(9)]
    assert blas_threads() == before


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_in_a_stream_reaches_the_caller_and_the_limit_is_lifted(threads):
    before = blas_threads()
    with pytest.raises(ZeroDivisionError):
        in_streams(lambda i: 1 // i, [1, 0, 2], threads, one_blas_thread)
    assert blas_threads() == before


def test_a_shared_context_is_left_when_the_last_one_leaves():
    from contextlib import contextmanager

    events = []

    @contextmanager
    def change():
        events.append("changed")
        yield
        events.append("undone")

    shared = SharedContext(change)
    meet = threading.Barrier(3)

    def visit(_):
        with shared():
            meet.wait(timeout=20)
            assert events == ["changed"]

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(visit, range(3)))
    assert events == ["changed", "undone"]


def test_at_least_one_thread_is_available(monkeypatch):
    assert available_threads() >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert available_threads() >= 1
