"""What holds when nobody says otherwise. Nothing is imported here, so that help texts can name the same values."""

EMBEDDED_MODEL = "splade-tiny"
"""The model that ships inside the package."""

MODEL = "splade-tiny+bm25"
"""The encoder that builds an index."""

INDEX_LENGTH = 256
"""Tokens of a document that are indexed: the length that SPLADE models are trained and measured with. More tokens cost
more time and, with small models, some quality."""

IMPACTS = "uint8"
"""How document weights are stored."""

LANGUAGE = "english"
"""BM25: stemmer and stop words."""

K1 = 0.9
"""BM25: saturation."""

B = 0.4
"""BM25: length normalisation."""

HITS = 10
"""Hits of a search."""

BENCH_HITS = (10, 100, 1000)
"""Hits of a search whose time is measured."""

DEPTH = 1000
"""Hits that are retrieved for each query of an evaluation."""

MEASURES = ("nDCG@10", "R@100", "RR@10")
"""What an evaluation measures."""

SPLIT = "test"
"""The judgments of a collection that has several splits."""
