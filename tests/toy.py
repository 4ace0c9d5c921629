"""Small encoders and hand-made index folders for tests."""

import hashlib
import json
from pathlib import Path

import numpy as np

from lsr.encoders.base import Counters, Encoder, Match
from lsr.index import byte_writer, float_segment
from lsr.index.catalog import write_catalog
from lsr.index.files import file_entry, write_array
from lsr.index.float_segment import FloatSegment
from lsr.index.forward import Rows
from lsr.index.manifest import BYTE_ARRAYS, FLOAT_ARRAYS, Manifest, SegmentEntry, SpaceEntry
from lsr.vectors import TERM_LIMIT, SparseVectors, TokenTable

WORDS = ("apple", "banana", "cherry", "date", "elder", "fig")


class WordSide:
    """Both sides of an encoder over a fixed list of words: a word's weight is its count times a step.

    It counts its calls, and can be told to be interrupted.
    """

    needs_collection = False
    backend = "native"
    weight_limit = None

    def __init__(self, step=1.0, seed="word"):
        self.vocabulary = TokenTable(WORDS)
        self.counters = Counters()
        self.identity = {"family": seed, "step": step}
        self.step = step
        self.texts = 0
        self.interrupt_at = None

    def encode(self, texts, statistics=None):
        rows = []
        for text in texts:
            if self.interrupt_at is not None and self.texts >= self.interrupt_at:
                raise KeyboardInterrupt
            self.texts += 1
            counts = {}
            for word in text.lower().split():
                term = self.vocabulary.find(word)
                if term is not None:
                    counts[term] = counts.get(term, 0) + 1
            rows.append((list(counts), [count * self.step for count in counts.values()]))
        return SparseVectors.from_rows(rows, vocabulary=self.vocabulary)

    def finish(self, raw, mean_mass):
        return raw

    def matches(self, text):
        found, at = [], 0
        for word in text.split(" "):
            term = self.vocabulary.find(word.lower())
            if term is not None:
                found.append(Match(at, at + len(word), term))
            at += len(word) + 1
        return found


def word_encoder(name="words", *, step=1.0, weight=1.0, seed="word"):
    side = WordSide(step, seed)
    return Encoder(name, name, side, side, weight=weight, capacity=len(WORDS))


def space(name="vectors", *, base=0, capacity=TERM_LIMIT, weight=1.0, scale=1.0, terms=0):
    return SpaceEntry(name, base, capacity, weight, scale, 0, 1.0, terms)


def write_index(root, segments, spaces, *, impacts="uint8", ids=None, terms=()):
    """An index folder with the given segments, made without the builder."""
    folder = Path(root) / "gen-1"
    folder.mkdir(parents=True)
    entries = tuple(write_segment(segment, folder / f"segment-{i}") for i, segment in enumerate(segments))
    total = sum(segment.size for segment in segments)
    names = [str(i) for i in range(total)] if ids is None else ids
    write_catalog(folder / "catalog.sqlite", ((name, "{}") for name in names), terms)
    manifest = Manifest(impacts, tuple(spaces), entries, file_entry(folder / "catalog.sqlite"))
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    point(root)
    return Path(root)


def write_segment(segment, folder):
    """Write a segment's arrays as they are, sound or not."""
    folder.mkdir()
    names = FLOAT_ARRAYS if isinstance(segment, FloatSegment) else BYTE_ARRAYS
    files = {name: write_array(folder / f"{name}.npy", getattr(segment, name).reshape(-1)) for name in names}
    postings = sum(len(segment.postings(place)[0]) for place in range(len(segment.terms)))
    return SegmentEntry(folder.name, segment.size, postings, files)


def segment_of(vectors, impacts="uint8", first=0, density=0.06, order=None):
    """A segment in memory; the weights are the levels, or the float32 impacts."""
    if impacts == "float32":
        return float_segment.invert(vectors, first)
    rows = Rows(0, vectors.indptr, vectors.terms, vectors.weights.astype(np.uint8))
    return byte_writer.invert(rows, byte_writer.Inversion(density, order), first)


def point(root, generation="gen-1"):
    """Make the pointer fit the manifest as it is now."""
    digest = hashlib.sha256((Path(root) / generation / "manifest.json").read_bytes()).hexdigest()
    (Path(root) / "CURRENT").write_text(f"{generation} {digest}\n")


def edit_manifest(root, change, generation="gen-1"):
    """Change the manifest as a JSON value, and make the pointer fit again."""
    path = Path(root) / generation / "manifest.json"
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))
    point(root, generation)


def forge_array(root, name, change, generation="gen-1"):
    """Change an array and every checksum that covers it."""
    path = Path(root) / generation / "segment-0" / f"{name}.npy"
    array = np.load(path)
    change(array)
    np.save(path, array)
    edit_manifest(root, lambda m: m["segments"][0]["files"][name].update(sha256=file_entry(path).sha256), generation)


def folder_bytes(root):
    """Content of every file under a folder, by its path."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(Path(root).rglob("*")) if path.is_file()}
