"""Tiny random BERT models, written to disk as real ones are."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the weather is lovely today so sunny outside he drove to a stadium cats and dogs sleep"
PIECES = "un ##believ ##able ##s ##ing . , !"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TOKENS = [
    *SPECIAL,
    *WORDS.split(),
    *PIECES.split(),
    *(c for c in LETTERS if c != "a"),
    *(f"##{c}" for c in LETTERS if c != "s"),
]
HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 32, 2, 2, 64, 48

CONFIG = {
    "architectures": ["BertForMaskedLM"],
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER,
    "max_position_embeddings": POSITIONS,
    "layer_norm_eps": 1e-12,
    "type_vocab_size": 2,
    "vocab_size": len(TOKENS),
    "pad_token_id": 0,
    "tie_word_embeddings": True,
}


def tensors(seed: int = 0, *, untied: bool = False) -> dict[str, np.ndarray]:
    """Random tensors under the names that transformers gives them; about a third of the terms of a text are active."""
    random = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}

    def add(name: str, *shape: int, scale: float = 0.3, shift: float = 0.0) -> None:
        found[name] = (random.standard_normal(shape) * scale + shift).astype(np.float32)

    def dense(name: str, outputs: int, inputs: int) -> None:
        add(f"{name}.weight", outputs, inputs)
        add(f"{name}.bias", outputs)

    def norm(name: str) -> None:
        add(f"{name}.weight", HIDDEN, shift=1.0)
        add(f"{name}.bias", HIDDEN)

    add("bert.embeddings.word_embeddings.weight", len(TOKENS), HIDDEN)
    add("bert.embeddings.position_embeddings.weight", POSITIONS, HIDDEN)
    add("bert.embeddings.token_type_embeddings.weight", 2, HIDDEN)
    norm("bert.embeddings.LayerNorm")
    for i in range(LAYERS):
        layer = f"bert.encoder.layer.{i}"
        for part in ("query", "key", "value"):
            dense(f"{layer}.attention.self.{part}", HIDDEN, HIDDEN)
        dense(f"{layer}.attention.output.dense", HIDDEN, HIDDEN)
        norm(f"{layer}.attention.output.LayerNorm")
        dense(f"{layer}.intermediate.dense", INNER, HIDDEN)
        dense(f"{layer}.output.dense", HIDDEN, INNER)
        norm(f"{layer}.output.LayerNorm")
    dense("cls.predictions.transform.dense", HIDDEN, HIDDEN)
    norm("cls.predictions.transform.LayerNorm")
    add("cls.predictions.bias", len(TOKENS), scale=0.5, shift=-4.0)
    if untied:
        add("cls.predictions.decoder.weight", len(TOKENS), HIDDEN)
        add("cls.predictions.decoder.bias", len(TOKENS), scale=0.5, shift=-4.0)
    return found


def tokenizer(tokens: list[str] = TOKENS) -> Tokenizer:
    """A WordPiece tokenizer with [CLS] and [SEP]."""
    made = Tokenizer(WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]"))
    made.normalizer = BertNormalizer(lowercase=True)
    made.pre_tokenizer = BertPreTokenizer()
    made.add_special_tokens(SPECIAL)
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def write_model(folder: Path, weights: dict[str, np.ndarray] | None = None, **config: object) -> Path:
    """A plain masked-language-model directory."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", CONFIG | config)
    tokenizer().save(str(folder / "tokenizer.json"))
    save_file(tensors() if weights is None else weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_sparse_encoder(
    folder: Path,
    pooling: dict[str, object] | None = None,
    *,
    types: tuple[str, str] = (
        "sentence_transformers.sparse_encoder.models.MLMTransformer",
        "sentence_transformers.sparse_encoder.models.SpladePooling",
    ),
    paths: tuple[str, str] = ("", "1_SpladePooling"),
    **settings: object,
) -> Path:
    """A directory as sentence-transformers writes it."""
    write_model(folder / paths[0])
    modules = [{"idx": i, "name": str(i), "path": paths[i], "type": types[i]} for i in range(2)]
    write_json(folder / "modules.json", modules)
    (folder / paths[1]).mkdir(exist_ok=True)
    write_json(folder / paths[1] / "config.json", pooling or {"pooling_strategy": "max", "activation_function": "relu"})
    write_json(folder / "config_sentence_transformers.json", settings)
    return folder


def as_bfloat16(weights: dict[str, np.ndarray], file: Path) -> dict[str, np.ndarray]:
    """Write a bfloat16 safetensors file (cut, not rounded) and return the values that it holds."""
    cut = {name: (np.ascontiguousarray(w).view(np.uint32) >> 16).astype(np.uint16) for name, w in weights.items()}
    raw = save(cut)
    size = int.from_bytes(raw[:8], "little")
    header = raw[8 : 8 + size].replace(b'"U16"', b'"BF16"')
    header += b" " * (-len(header) % 8)
    file.write_bytes(len(header).to_bytes(8, "little") + header + raw[8 + size :])
    return {name: (values.astype(np.uint32) << 16).view(np.float32) for name, values in cut.items()}


def write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value), encoding="utf-8")
