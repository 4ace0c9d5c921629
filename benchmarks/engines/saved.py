"""Results as files: one JSON file for each engine, collection size and set of settings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

Result = dict[str, Any]


class Store:
    """The results of one output folder.

    Args:
        folder: The output folder.
        settings: All that results depend on besides engine and size; other settings, other files.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
        self._settings = settings
        self.folder = folder / f"settings-{key}"

    def load(self, size: int, build: str) -> Result | None:
        """A result that is there."""
        path = self._path(size, build)
        return json.loads(path.read_text()) if path.exists() else None

    def all(self) -> list[Result]:
        """All results, by size and name."""
        found = [json.loads(path.read_text()) for path in self.folder.glob("*/*.json")]
        return sorted(found, key=lambda result: (result["documents"], result["build"]))

    def save(self, result: Result) -> None:
        """Keep a result; the file appears complete or not at all."""
        path = self._path(result["documents"], result["build"])
        path.parent.mkdir(parents=True, exist_ok=True)
        (self.folder / "settings.json").write_text(json.dumps(self._settings, indent=1) + "\n")
        part = path.with_suffix(".part")
        part.write_text(json.dumps(result, indent=1) + "\n")
        part.replace(path)

    def _path(self, size: int, build: str) -> Path:
        return self.folder / str(size) / f"{build}.json"
