"""Which identifiers were seen already, and where, in little memory."""

from __future__ import annotations

from array import array

_SMALLEST = 2**12


class SeenIdentifiers:
    """A hash table (open addressing, at most half full) from identifiers to the place that had them first.

    It keeps a 64-bit hash in place of the identifier: 32 to 64 bytes each, a third of what a ``dict`` takes. Two of ten
    million different identifiers share a hash in one run of 400,000, and then count as the same; Python's hashes of
    strings differ from run to run, so the next one passes.
    """

    def __init__(self) -> None:
        self._count = 0
        self._allocate(_SMALLEST)

    def first(self, identifier: str, place: int) -> int | None:
        """The place of an identifier if it was seen before; else ``None``, and ``place`` is remembered."""
        key = hash(identifier) or 1
        slot = self._slot(key)
        if self._keys[slot]:
            return self._places[slot]
        self._keys[slot] = key
        self._places[slot] = place
        self._count += 1
        if 2 * self._count > len(self._keys):
            self._grow()
        return None

    def _slot(self, key: int) -> int:
        """The slot of a key, or the empty one where it belongs; an empty slot holds 0."""
        keys, mask = self._keys, self._mask
        slot = key & mask
        while (held := keys[slot]) and held != key:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        keys, places = self._keys, self._places
        self._allocate(2 * len(keys))
        for key, place in zip(keys, places, strict=True):
            if key:
                slot = self._slot(key)
                self._keys[slot] = key
                self._places[slot] = place

    def _allocate(self, size: int) -> None:
        self._keys = array("q", bytes(8 * size))
        self._places = array("q", bytes(8 * size))
        self._mask = size - 1
