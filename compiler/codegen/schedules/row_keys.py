"""The keys of rows (``compiler.ir.forest.keys``), which forests compare: integer arithmetic only."""

from __future__ import annotations

from tvm import tirx
from tvm.ir import Expr

from compiler.codegen.tir import Array, KernelBuilder, lanes, literal, reinterpret, select
from compiler.ir.forest.keys import MISSING_ABOVE, MISSING_BELOW


def make_keys(k: KernelBuilder, x: Array, row: Expr, keys: Array, line: Expr, count: int) -> None:
    """The keys of a row of ``x`` into a line of ``keys``: with missing values above all others, then below.

    ``count``: lanes of a vector of int32.
    """
    features = x.shape[1]
    for feature, width in k.strips(features, count):
        bits = k.let(reinterpret(x[row, lanes(feature, width)], "int32"), "bits")
        key, missing = _key(k, bits)
        for half, stand_in in ((0, MISSING_ABOVE), (features, MISSING_BELOW)):
            place = feature + half if half else feature
            keys[line, lanes(place, width)] = select(missing, literal(stand_in, "int32", like=bits), key)


def key_above(k: KernelBuilder, bits: Expr) -> Expr:
    """The keys of floats, given by their bits; missing values are above all others."""
    key, missing = _key(k, bits)
    return select(missing, literal(MISSING_ABOVE, "int32", like=bits), key)


def _key(k: KernelBuilder, bits: Expr) -> tuple[Expr, Expr]:
    """The keys of floats, and which of them are missing values, whose keys mean nothing."""

    def number(value: int) -> Expr:
        return literal(value, "int32", like=bits)

    magnitude = k.let(bits & number(0x7FFFFFFF), "magnitude")
    # A negative float has the order of its complemented magnitude; -0 would be -1.
    signed = k.let(bits ^ ((bits >> number(31)) & number(0x7FFFFFFF)), "signed")
    key = k.let(select(tirx.EQ(signed, number(-1)), number(0), signed), "key")
    return key, k.let(magnitude > number(0x7F800000), "missing")
