"""``lsr info``: what an index says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsr.cli import options
from lsr.cli.output import answer, answer_json, size_text, table, visible

if TYPE_CHECKING:
    from lsr.index.index import Index
    from lsr.index.manifest import Manifest, SpaceEntry


def info(directory: options.IndexFolder, as_json: options.AsJson = False) -> None:
    """Say what an index holds.

    Examples:
      lsr info my.idx
      lsr info my.idx --json
    """
    from lsr.index.index import Index

    with Index.open(directory) as opened:
        facts = _facts(opened)
    if as_json:
        answer_json(facts)
        return
    for line in table([[name, value] for name, value in _lines(facts)]):
        answer(line)


def stored_bytes(manifest: Manifest) -> int:
    """Bytes of all files that a manifest names."""
    return manifest.catalog.bytes + posting_bytes(manifest)


def posting_bytes(manifest: Manifest) -> int:
    """Bytes of the posting lists and their directory."""
    return sum(file.bytes for segment in manifest.segments for file in segment.files.values())


def _facts(opened: Index) -> dict[str, Any]:
    manifest = opened.manifest
    return {
        "index": str(opened.path),
        "generation": opened.generation,
        "documents": manifest.documents,
        "postings": manifest.postings,
        "segments": len(manifest.segments),
        "impacts": manifest.impacts,
        "bytes": stored_bytes(manifest),
        "posting_bytes": posting_bytes(manifest),
        "bytes_per_posting": posting_bytes(manifest) / manifest.postings if manifest.postings else 0.0,
        "text_fields": manifest.text_fields,
        "spaces": [_space(space) for space in manifest.spaces],
    }


def _space(space: SpaceEntry) -> dict[str, Any]:
    return {
        "name": space.name,
        "weight": space.weight,
        "terms": space.terms,
        "scale": space.scale,
        "clipped": space.clipped,
        "mean_mass": space.mean_mass,
        "model": space.source,
        "settings": dict(space.settings),
        "document_fingerprint": space.document_fingerprint,
        "query_fingerprint": space.query_fingerprint,
    }


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("generation", facts["generation"]),
        ("documents", f"{facts['documents']:,}"),
        ("postings", f"{facts['postings']:,}, {facts['bytes_per_posting']:.2f} bytes each, {facts['impacts']} impacts"),
        ("segments", str(facts["segments"])),
        ("size", size_text(facts["bytes"])),
        ("text fields", ", ".join(facts["text_fields"] or ()) or "none: the vectors came ready-made"),
    ]
    for space in facts["spaces"]:
        settings = "".join(f", {name} {value}" for name, value in space["settings"].items())
        rows += [
            (f"space {space['name']}", f"weight {space['weight']:g}, model {space['model'] or 'none'}{settings}"),
            ("  terms", f"{space['terms']:,}"),
            ("  impacts", f"scale {space['scale']:.6g}, {space['clipped']:,} weights clipped"),
            ("  documents by", space["document_fingerprint"] or "ready vectors"),
            ("  queries by", space["query_fingerprint"] or "ready vectors"),
        ]
    return [(name, visible(value)) for name, value in rows]
