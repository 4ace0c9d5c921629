"""Which documents and queries does this file or folder hold?

``open_documents`` gives a lazy ``Source`` of documents, ``open_queries`` a list of queries, and ``read_qrels`` the
relevance judgments. Formats are found out by content (``detect``); each has its own module. Whatever comes from outside
is checked here: errors name the file and the line, and up to 20 bad lines are reported together.
"""

from lsr.sources.base import Source
from lsr.sources.detect import FORMATS, detect_format
from lsr.sources.documents import open_documents
from lsr.sources.npz import VectorSource
from lsr.sources.problems import OnError
from lsr.sources.qrels import read_qrels
from lsr.sources.queries import Query, open_queries

__all__ = [
    "FORMATS",
    "OnError",
    "Query",
    "Source",
    "VectorSource",
    "detect_format",
    "open_documents",
    "open_queries",
    "read_qrels",
]
