"""What a search must return, in plain Python: loops over dicts, nothing shared with the code under test."""

import struct


def rounded(value):
    """A float64 rounded to float32."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def score(document, query):
    """Sum of the products in ascending term id, in float64, rounded once."""
    total = 0.0
    for term in sorted(query):
        if term in document:
            total += query[term] * document[term]
    return rounded(total)


def top(documents, query, k):
    """The k best (number, score), by score descending, then number ascending.

    ``documents`` are dicts of term to impact (level times scale), ``query`` is a dict of term to weight.
    """
    scored = [(number, score(document, query)) for number, document in enumerate(documents)]
    hits = sorted((pair for pair in scored if pair[1] > 0), key=lambda pair: (-pair[1], pair[0]))
    return hits[:k]
