"""Bytes that are looked up in registers: every index, by every instruction set's way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tvm.ir import Expr

from compiler.codegen.schedules.byte_tables import VECTOR, byte_tables
from compiler.codegen.tir import KernelBuilder, lanes, shuffled
from compiler.ir.dtypes import DType
from compiler.targets import Target, resolve
from tests.codegen.native import CORTEX_A72, HOST, X86_V2, X86_V3, X86_V4, index_bits, run

ZNVER4 = resolve("znver4")


EXACT = [(16, None), (64, None), (128, None), (256, None)]
MODULO_64 = [(1, 64), (16, 64), (47, 64), (64, 64)]
MODULO_128 = [(65, 128), (112, 128), (113, 128), (128, 128)]
MODULO_256 = [(129, 256), (240, 256), (255, 256), (256, 256)]


@pytest.mark.parametrize("target", [X86_V2, X86_V3, X86_V4, ZNVER4, CORTEX_A72], ids=lambda target: target.name)
@pytest.mark.parametrize(("entries", "modulo"), [*EXACT, *MODULO_64, *MODULO_128, *MODULO_256])
def test_every_index(entries: int, modulo: int | None, target: Target) -> None:
    if target.isa == HOST.isa and not set(target.features) <= set(HOST.features):
        pytest.skip(f"this machine is no {target.name}")
    random = np.random.default_rng(entries)
    pair = random.integers(1, 256, (2, 256), np.uint8)
    pair[:, entries:] = 0
    wanted = random.permutation(256) if modulo else random.permutation(256) % entries
    indices = wanted.astype(np.uint8)
    found = np.zeros((2, 256), np.uint8)
    k = KernelBuilder("k_look_up", index_bits=index_bits(target))
    table = k.pointer("table", DType.U8, pair.shape)
    index = k.pointer("index", DType.U8, indices.shape)
    result = k.pointer("result", DType.U8, found.shape)
    ways = byte_tables(target, entries, modulo)

    def vector_of(row: int, numbers: Sequence[int]) -> Expr:
        first, count = min(numbers), max(numbers) + 1 - min(numbers)
        copies = [table[row, lanes(first, count)]] * len(numbers)
        return shuffled(copies, (number - first for number in numbers))

    with k.parallel(1):
        tables = [ways.table(k, lambda numbers, row=row: vector_of(row, numbers)) for row in range(2)]
        for start in range(0, 256, VECTOR):
            at = k.let(index[lanes(start, VECTOR)], "at")
            for row, bytes_found in enumerate(ways.look_up(tables, at)):
                result[row, lanes(start, VECTOR)] = bytes_found
    run(k.finish(), pair, indices, found, target=target)
    np.testing.assert_array_equal(found, pair[:, wanted % (modulo or 256)])
