"""What a caller hands over for indexing becomes checked documents with identifiers that are all different.

What a source of files or vectors has checked already is taken as it is (``CheckedDocuments``, ``UniqueIdentifiers``):
only there can an error name the line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from lsr.documents import (
    CheckedDocuments,
    Document,
    SeenIdentifiers,
    UniqueIdentifiers,
    checked_identifier,
    checked_vector,
    document_from_mapping,
    unique_identifiers,
)
from lsr.errors import BadInput, UsageError

GivenDocument = Document | Mapping[str, Any]


def checked_documents(documents: Iterable[GivenDocument], text_fields: Sequence[str]) -> Iterator[Document]:
    """The documents, lazily; about 50 bytes a document are kept to find identifiers that come twice.

    Args:
        documents: Documents, or mappings with an identifier and text fields or a vector.
        text_fields: Fields of the mappings that are joined into the text.

    Raises:
        BadInput: A document is wrong, or an identifier comes twice.
    """
    return iter(documents) if isinstance(documents, CheckedDocuments) else _checked_documents(documents, text_fields)


def checked_identifiers(ids: Sequence[str] | None, count: int) -> UniqueIdentifiers:
    """Identifiers of ``count`` ready vectors: the given ones, or row numbers.

    Raises:
        BadInput: There are more or fewer, one is wrong, or one comes twice.
        UsageError: They are no sequence.
    """
    if ids is None:
        return UniqueIdentifiers(map(str, range(count)))
    if isinstance(ids, str | bytes) or not isinstance(ids, Collection):
        raise UsageError(f"ids must be a list of identifiers, not a {type(ids).__name__}", where="ids")
    if len(ids) != count:
        raise BadInput(f"there are {len(ids)} ids for {count} vectors", where="ids")
    return ids if isinstance(ids, UniqueIdentifiers) else unique_identifiers(ids, "ids")


def _checked_documents(documents: Iterable[GivenDocument], text_fields: Sequence[str]) -> Iterator[Document]:
    seen = SeenIdentifiers()
    for number, item in enumerate(documents):
        place = f"document {number}"
        if isinstance(item, Document):
            document = _checked(item, item.where or place)
        else:
            document = document_from_mapping(item, text_fields, place)
        if (first := seen.first(document.id, number)) is not None:
            raise BadInput(f"duplicate id {document.id!r}: document {first} has it already", where=document.where)
        yield document


def _checked(document: Document, where: str) -> Document:
    if not isinstance(document.text, str):
        raise BadInput(f"the text must be a string, not a {type(document.text).__name__}", where=where)
    if not isinstance(document.fields, dict):
        raise BadInput(f"the fields must be a dict, not a {type(document.fields).__name__}", where=where)
    identifier = checked_identifier(document.id, where)
    vector = None if document.vector is None else checked_vector(document.vector, where)
    return Document(identifier, document.text, document.fields, vector, where)
