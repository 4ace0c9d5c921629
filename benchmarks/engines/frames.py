"""Messages between two processes: a line of JSON, then the bytes of the arrays that it announces."""

from __future__ import annotations

import json
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def send(stream: IO[bytes], message: dict[str, Any], arrays: Arrays | None = None) -> None:
    """Write a message with its arrays (one dimension each)."""
    arrays = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    head = {"message": message, "arrays": [[name, array.dtype.str, len(array)] for name, array in arrays.items()]}
    stream.write(json.dumps(head).encode() + b"\n")
    for array in arrays.values():
        stream.write(array.tobytes())
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], Arrays]:
    """Read a message with its arrays.

    Raises:
        EOFError: The other side has ended.
    """
    line = stream.readline()
    if not line:
        raise EOFError("the other process has ended")
    head = json.loads(line)
    arrays: Arrays = {}
    for name, dtype, length in head["arrays"]:
        content = stream.read(np.dtype(dtype).itemsize * length)
        arrays[name] = np.frombuffer(content, dtype)
    return head["message"], arrays
