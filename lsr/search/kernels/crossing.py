"""How do many arrays cross into compiled code at the price of one?

Handing an array to a compiled function costs about a quarter of a microsecond, and a search needs thirty: more than
searching a small collection. So the arrays of a segment, and those of a thread's scratch, are listed once in a table of
addresses and sizes, and compiled code makes arrays of them again. Who calls must keep the arrays alive: an
``ArrayTable`` does.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, config, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from lsr.jit import inlined


class ArrayTable:
    """Contiguous arrays and their table.

    Args:
        arrays: The arrays; their number and types are an agreement with the compiled function that reads the table.

    Attributes:
        addresses: int64 [2 n], address and size in bytes of each array.
    """

    def __init__(self, arrays: Sequence[NDArray[Any]]) -> None:
        assert all(array.flags.c_contiguous and array.dtype.isnative for array in arrays)
        self._arrays = tuple(arrays)
        rows = [(array.__array_interface__["data"][0], array.nbytes) for array in arrays]
        self.addresses = np.array(rows, np.int64).reshape(-1)


if config.DISABLE_JIT:

    def _bytes_at(address: Any, size: Any) -> Any:
        if size == 0:
            return np.empty(0, np.uint8)
        return np.ctypeslib.as_array((ctypes.c_uint8 * int(size)).from_address(int(address)))

else:

    @intrinsic  # type: ignore[untyped-decorator]
    def _pointer(_typing: Any, address: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

        return types.CPointer(types.uint8)(types.int64), generate

    @inlined
    def _bytes_at(address: Any, size: Any) -> Any:
        return carray(_pointer(address), (size,), np.uint8)


@inlined
def u8_at(table: Any, i: int) -> Any:
    """Array number i of a table, as uint8."""
    return _bytes_at(table[2 * i], table[2 * i + 1])


@inlined
def u16_at(table: Any, i: int) -> Any:
    """Array number i of a table, as uint16."""
    return u8_at(table, i).view(np.uint16)


@inlined
def u32_at(table: Any, i: int) -> Any:
    """Array number i of a table, as uint32."""
    return u8_at(table, i).view(np.uint32)


@inlined
def u64_at(table: Any, i: int) -> Any:
    """Array number i of a table, as uint64."""
    return u8_at(table, i).view(np.uint64)


@inlined
def i64_at(table: Any, i: int) -> Any:
    """Array number i of a table, as int64."""
    return u8_at(table, i).view(np.int64)


@inlined
def f64_at(table: Any, i: int) -> Any:
    """Array number i of a table, as float64."""
    return u8_at(table, i).view(np.float64)
