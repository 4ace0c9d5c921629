import numpy as np
import pytest
from safetensors.numpy import save_file
from tiny_bert import SPECIAL, TOKENS, tensors, tokenizer, write_json, write_model, write_sparse_encoder

from lsr.encoders.model_directory import read_model_directory
from lsr.encoders.splade import load_splade
from lsr.errors import BadModel, NotFound, UsageError

ROUTER = "sentence_transformers.sparse_encoder.modules.router.Router"
POOLING = "sentence_transformers.sparse_encoder.models.SpladePooling"
MLM = "sentence_transformers.sparse_encoder.models.MLMTransformer"


def refused(folder, error=BadModel):
    with pytest.raises(error) as caught:
        load_splade("m", folder, threads=1)
    return caught.value


def modules(*pairs):
    return [{"idx": i, "name": str(i), "path": path, "type": kind} for i, (kind, path) in enumerate(pairs)]


# what is read


def test_a_plain_directory_is_a_max_pooled_model_with_the_length_of_its_position_table(tmp_path):
    model = read_model_directory(write_model(tmp_path))
    assert (model.pooling, model.saturation, model.max_length, model.top_k) == ("max", "log1p", 48, None)
    assert (model.query_prompt, model.document_prompt) == ("", "")


@pytest.mark.parametrize(
    ("types", "pooling"),
    [
        ((MLM, POOLING), {"pooling_strategy": "sum", "word_embedding_dimension": len(TOKENS)}),
        (
            (f"{MLM}.MLMTransformer", f"{POOLING}.SpladePooling"),
            {"pooling_strategy": "sum", "embedding_dimension": None},
        ),
        (
            (
                "sentence_transformers.base.modules.transformer.Transformer",
                "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling",
            ),
            {"pooling_strategy": "sum", "activation_function": None, "embedding_dimension": len(TOKENS)},
        ),
    ],
)
def test_every_generation_of_the_sparse_encoder_layout_is_read(tmp_path, types, pooling):
    model = read_model_directory(write_sparse_encoder(tmp_path, pooling, types=types))
    assert (model.pooling, model.saturation) == ("sum", "log1p")


def test_the_transformer_may_lie_in_its_own_folder(tmp_path):
    folder = write_sparse_encoder(tmp_path, paths=("0_MLMTransformer", "1_SpladePooling"))
    assert read_model_directory(folder).path == tmp_path / "0_MLMTransformer"


def test_prompts_top_k_and_double_log_come_from_the_files(tmp_path):
    folder = write_sparse_encoder(
        tmp_path,
        {"pooling_strategy": None, "activation_function": "log1p_relu"},
        prompts={"query": "find: ", "passage": "text: ", "corpus": "no"},
        max_active_dims=7,
        similarity_fn_name=None,
    )
    model = read_model_directory(folder)
    assert (model.query_prompt, model.document_prompt) == ("find: ", "text: ")
    assert (model.pooling, model.saturation, model.top_k) == ("max", "log1p_log1p", 7)


def test_the_default_prompt_stands_in_for_a_side_without_one(tmp_path):
    folder = write_sparse_encoder(tmp_path, prompts={"query": None, "general": "g: "}, default_prompt_name="general")
    model = read_model_directory(folder)
    assert (model.query_prompt, model.document_prompt) == ("", "g: ")


@pytest.mark.parametrize(
    ("sentence_bert", "tokenizer_config", "config", "length"),
    [
        ({"max_seq_length": 20}, {"model_max_length": 30}, {}, 20),
        ({"max_seq_length": None}, {"model_max_length": 30}, {}, 30),
        ({"max_seq_length": 500}, {}, {}, 48),
        ({}, {"model_max_length": 1e30}, {}, 48),
        ({}, {}, {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({}, {}, {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": None}, 512),
        ({}, {}, {"max_position_embeddings": None}, 512),
    ],
)
def test_default_length(tmp_path, sentence_bert, tokenizer_config, config, length):
    folder = write_model(tmp_path, **config)
    write_json(folder / "sentence_bert_config.json", sentence_bert)
    write_json(folder / "tokenizer_config.json", tokenizer_config)
    assert read_model_directory(folder).max_length == length


def test_identity_changes_with_what_changes_vectors_and_with_nothing_else(tmp_path):
    first = read_model_directory(write_model(tmp_path / "a")).identity()
    assert read_model_directory(write_model(tmp_path / "b", dtype="float16")).identity() == first
    assert read_model_directory(write_model(tmp_path / "c", layer_norm_eps=1e-5)).identity() != first
    assert read_model_directory(write_model(tmp_path / "d", tensors(seed=1))).identity() != first
    (tmp_path / "b" / "tokenizer.json").write_text(tokenizer([*TOKENS[:-1], "other"]).to_str())
    assert read_model_directory(tmp_path / "b").identity() != first


# what is refused


def test_no_such_directory(tmp_path):
    assert str(tmp_path / "gone") in str(refused(tmp_path / "gone", NotFound))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(tmp_path, name):
    folder = write_model(tmp_path)
    (folder / name).unlink()
    error = refused(folder)
    assert name in error.message
    assert error.hint


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1]", b"[" * 100_000])
def test_a_broken_configuration_is_named(tmp_path, content):
    folder = write_model(tmp_path)
    (folder / "config.json").write_bytes(content)
    assert str(folder / "config.json") in str(refused(folder))


def test_pickled_weights_are_refused_with_the_way_out(tmp_path):
    folder = write_model(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    error = refused(folder)
    assert "pytorch_model.bin" in error.message
    assert "only safetensors" in error.message


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        (modules((ROUTER, "")), "module type Router is not supported"),
        (modules(("evil.package.SpladePooling2", "")), "SpladePooling2 is not supported"),
        (modules((MLM, "")), "the modules are MLMTransformer"),
        (modules((POOLING, ""), (MLM, "")), "the modules are SpladePooling, MLMTransformer"),
        ([], "the modules are none"),
        ({"0": MLM}, "expected a JSON list"),
        ([MLM], "expected a JSON list"),
        (modules((MLM, ""), (POOLING, "../elsewhere")), "leaves the model directory"),
        (modules((MLM, "/etc"), (POOLING, "1")), "leaves the model directory"),
        (modules((MLM, ""), (POOLING, "a\\..\\..\\b")), "leaves the model directory"),
        (modules((MLM, ""), (POOLING, "C:\\models")), "leaves the model directory"),
        (modules((MLM, ""), (POOLING, None)), "path must be a string"),
        (modules((MLM, ""), (POOLING, "2_Absent")), "no config.json"),
    ],
)
def test_module_lists_that_are_no_splade_model(tmp_path, listing, message):
    folder = write_sparse_encoder(tmp_path)
    write_json(folder / "modules.json", listing)
    assert message in refused(folder).message


@pytest.mark.parametrize(
    ("pooling", "message"),
    [
        ({"pooling_strategy": "mean"}, "known are max, sum"),
        ({"activation_function": "gelu"}, "known are relu, log1p_relu"),
        ({"word_embedding_dimension": 30522}, "30522 terms"),
    ],
)
def test_poolings_that_are_not_known(tmp_path, pooling, message):
    assert message in refused(write_sparse_encoder(tmp_path, pooling)).message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"similarity_fn_name": "cosine"}, "'cosine'"),
        ({"prompts": {"query": 3}}, "prompts must be"),
        ({"prompts": ["query"]}, "prompts must be"),
        ({"max_active_dims": 0}, "max_active_dims must be a positive integer"),
        ({"max_active_dims": True}, "max_active_dims must be a positive integer"),
    ],
)
def test_settings_that_make_no_sense(tmp_path, settings, message):
    assert message in refused(write_sparse_encoder(tmp_path, **settings)).message


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"architectures": ["BertModel"]}, "BertModel has no masked-language-model head"),
        ({"architectures": "BertForMaskedLM"}, "architectures must be a list"),
        ({"vocab_size": None}, "vocab_size is missing"),
        ({"vocab_size": "many"}, "vocab_size must be a positive integer"),
        ({"vocab_size": len(TOKENS) + 1}, f"the tokenizer has {len(TOKENS)} tokens"),
        ({"num_hidden_layers": 3}, "the weights lack bert.encoder.layer.2"),
        ({"num_hidden_layers": None}, "num_hidden_layers must be a positive integer"),
        ({"num_attention_heads": 3}, "no multiple of 3"),
        ({"intermediate_size": 65}, "has shape (64, 32)"),
    ],
)
def test_configurations_that_do_not_fit(tmp_path, config, message):
    assert message in refused(write_model(tmp_path, **config)).message


def test_a_dense_transformer_task_is_refused(tmp_path):
    folder = write_sparse_encoder(tmp_path)
    write_json(folder / "sentence_bert_config.json", {"transformer_task": "feature-extraction"})
    assert "fill-mask" in refused(folder).message


def test_a_directory_without_a_head_says_so(tmp_path):
    bare = {name: value for name, value in tensors().items() if not name.startswith("cls.")}
    error = refused(write_model(tmp_path, bare))
    assert "masked-language-model head" in error.message
    assert "ForMaskedLM" in error.hint


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_numbers_are_refused(tmp_path, value):
    weights = tensors()
    weights["bert.encoder.layer.1.output.dense.bias"][3] = value
    error = refused(write_model(tmp_path, weights))
    assert "bert.encoder.layer.1.output.dense.bias holds NaN or infinity" in error.message


def test_weights_stored_as_integers_are_not_taken_for_weights(tmp_path):
    weights = tensors()
    weights["cls.predictions.bias"] = weights["cls.predictions.bias"].astype(np.int8)
    assert "lack" in refused(write_model(tmp_path, weights)).message


@pytest.mark.parametrize("damage", [lambda raw: raw[:-100], lambda raw: b"not a model", lambda raw: b""])
def test_a_damaged_weight_file_is_refused(tmp_path, damage):
    file = write_model(tmp_path) / "model.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    assert "not a readable safetensors file" in refused(tmp_path).message


def test_a_damaged_tokenizer_is_refused(tmp_path):
    write_json(write_model(tmp_path) / "tokenizer.json", {"model": "none"})
    assert "not a tokenizer" in refused(tmp_path).message


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    tokenizer([*SPECIAL, "other"]).save(str(write_model(tmp_path) / "tokenizer.json"))
    error = refused(tmp_path)
    assert "the tokenizer has 6 tokens" in error.message
    assert "not from the same model" in error.hint


# shards


def shard(folder, names=("model-1.safetensors", "model-2.safetensors")):
    weights = tensors()
    (write_model(folder) / "model.safetensors").unlink()
    halves = np.array_split(sorted(weights), 2)
    for name, half in zip(names, halves, strict=True):
        (folder / name).parent.mkdir(exist_ok=True)
        save_file({str(key): weights[key] for key in half}, folder / name)
    weight_map = {str(key): name for name, half in zip(names, halves, strict=True) for key in half}
    write_json(folder / "model.safetensors.index.json", {"weight_map": weight_map})
    return folder


def test_shards_give_the_vectors_of_the_whole(tmp_path):
    texts = ["he drove to the stadium", "cats"]
    whole = load_splade("m", write_model(tmp_path / "whole")).encode_documents(texts)
    parts = load_splade("m", shard(tmp_path / "shards")).encode_documents(texts)
    assert np.array_equal(whole.weights, parts.weights)
    assert np.array_equal(whole.terms, parts.terms)


def test_a_missing_shard_and_a_shard_elsewhere_are_refused(tmp_path):
    shard(tmp_path / "a")
    (tmp_path / "a" / "model-2.safetensors").unlink()
    assert "no model-2.safetensors" in refused(tmp_path / "a").message
    assert "plain file name" in refused(shard(tmp_path / "b", ("model-1.safetensors", "sub/m.safetensors"))).message
    assert "leaves" in refused(shard(tmp_path / "c", ("model-1.safetensors", "../m.safetensors"))).message
    write_json(tmp_path / "c" / "model.safetensors.index.json", {"metadata": {}})
    assert "weight_map is missing" in refused(tmp_path / "c").message


def test_an_unreadable_configuration_is_refused(tmp_path):
    folder = write_model(tmp_path)
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()
    assert "no config.json" in refused(folder).message


# arguments


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"backend": "cuda"}, "choose from auto, native, torch"),
        ({"pooling": "mean"}, "choose from max, sum"),
        ({"threads": 0}, "at least 1"),
        ({"max_length": 49}, "1 to 48 tokens"),
        ({"query_max_length": 0}, "1 to 48 tokens"),
        ({"max_length": 2}, "no room for text"),
    ],
)
def test_impossible_arguments(tmp_path, argument, message):
    with pytest.raises(UsageError) as caught:
        load_splade("m", write_model(tmp_path), **argument)
    assert message in str(caught.value)


def test_the_native_backend_says_what_it_cannot_compute(tmp_path):
    with pytest.raises(UsageError, match="type distilbert"):
        load_splade("m", write_model(tmp_path, model_type="distilbert"), backend="native")
