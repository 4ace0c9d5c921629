"""Two instructions that numba does not offer by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

u16, u32, u64 = np.uint16, np.uint32, np.uint64


if config.DISABLE_JIT:

    def high_product(x: Any, y: Any) -> Any:
        """The upper 16 bits of the 32-bit product of two uint16."""
        return u16((int(x) * int(y)) >> 16)

    def prefetch(array: Any, at: Any) -> None:
        """Nothing: the interpreter has no use for it."""

else:

    @intrinsic  # type: ignore[untyped-decorator]
    def high_product(_typing: Any, x: Any, y: Any) -> Any:
        """The upper 16 bits of the 32-bit product of two uint16.

        Fixed-point multiplication with 16 fraction bits is that product, and the compiler turns a loop over it into
        one vector instruction for every 16 (AVX2) or 32 (AVX-512) elements.
        """

        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            word, scale = ir.IntType(16), ir.IntType(32)
            multiply = builder.module.declare_intrinsic(
                "llvm.umul.fix", [word], ir.FunctionType(word, [word, word, scale])
            )
            return builder.call(multiply, [arguments[0], arguments[1], scale(16)])

        return types.uint16(types.uint16, types.uint16), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def prefetch(_typing: Any, array: Any, at: Any) -> Any:
        """Ask the memory for the cache line of ``array[at]``; any index is allowed."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
            number = ir.IntType(32)
            name = "llvm.prefetch.p0"
            kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), number, number, number])
            function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            builder.call(function, [address, number(0), number(3), number(1)])
            return context.get_dummy_value()

        return types.void(array, types.intp), generate
