"""Eight bytes at a time: loads, stores and counts of bits, for which Numba has no functions of its own.

A word is a uint64 whose highest byte stands first in memory.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_NO = ir.Constant(ir.IntType(1), 0)


def _place(context, builder, kind, data, at):
    array = context.make_array(kind)(context, builder, data)
    return builder.bitcast(builder.gep(array.data, [at]), ir.IntType(64).as_pointer())


@intrinsic
def load_word(typing, data, at):
    """Return the word at `data[at : at + 8]` (uint8, contiguous)."""

    def code(context, builder, signature, arguments):
        place = _place(context, builder, signature.args[0], *arguments)
        return builder.bswap(builder.load(place, align=1))

    return types.uint64(data, types.int64), code


@intrinsic
def store_word(typing, data, at, word):
    """Write a word to `data[at : at + 8]` (uint8, contiguous)."""

    def code(context, builder, signature, arguments):
        place = _place(context, builder, signature.args[0], *arguments[:2])
        builder.store(builder.bswap(arguments[2]), place, align=1)
        return context.get_dummy_value()

    return types.void(data, types.int64, types.uint64), code


@intrinsic
def leading_zeros(typing, word):
    """Return how many bits stand above the highest one of a word, 64 for 0."""
    return types.uint64(types.uint64), lambda _c, builder, _s, arguments: builder.ctlz(arguments[0], _NO)


@intrinsic
def trailing_zeros(typing, word):
    """Return how many bits stand below the lowest one of a word, 64 for 0."""
    return types.uint64(types.uint64), lambda _c, builder, _s, arguments: builder.cttz(arguments[0], _NO)


@intrinsic
def count_ones(typing, word):
    """Return how many bits of a word are set."""
    return types.uint64(types.uint64), lambda _c, builder, _s, arguments: builder.ctpop(arguments[0])
