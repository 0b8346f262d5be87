"""Ranks that are found by a search in registers: those of the op, for full columns and for such with few edges."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.codegen.analytic.forests import searches_ranks
from compiler.codegen.schedules.rank_search import RankSearch
from compiler.codegen.tir import KernelBuilder, bits_of, lanes
from compiler.ir.dtypes import DType
from compiler.ir.forest.keys import BEYOND_INFINITY, MISSING_ABOVE, MISSING_BELOW, NO_EDGE
from compiler.ir.ops.tree_tables import FAN, ranks_of
from compiler.targets import resolve
from tests.codegen.native import HOST, X86_V4, index_bits, run

BITS = 8


def column_of(edges: np.ndarray) -> np.ndarray:
    """``i32[1, 17, 16]`` of ascending edges."""
    lines = np.full(FAN * FAN, NO_EDGE, np.int32)
    lines[: len(edges)] = np.sort(edges)
    lines = lines.reshape(FAN, FAN)
    return np.concatenate([lines[None, :, -1], lines])[None]


@pytest.mark.skipif(not set(X86_V4.features) <= set(HOST.features), reason="this machine has no AVX-512")
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 31, 32, 128, 239, 240, 254, 255])
def test_ranks(count: int) -> None:
    random = np.random.default_rng(count)
    edges = random.choice(np.arange(-(10**9), 10**9, 12345), count, replace=False).astype(np.int32)
    near = np.concatenate([edges, edges - 1, edges + 1])
    extremes = np.array([MISSING_BELOW, MISSING_ABOVE, BEYOND_INFINITY, 0, -(2**31) + 1], np.int32)
    keys = np.concatenate([extremes, near, random.integers(-(10**9), 10**9, 64)]).astype(np.int32)
    keys = np.resize(keys, -(-len(keys) // FAN) * FAN)
    table, found = column_of(edges), np.zeros((BITS, len(keys) // FAN), np.uint16)
    k = KernelBuilder("k_search", index_bits=index_bits(X86_V4))
    given, at = k.pointer("edges", DType.I32, table.shape), k.pointer("keys", DType.I32, keys.shape)
    result = k.pointer("result", DType.U16, found.shape)
    with k.parallel(1):
        search = RankSearch(k, given, k.index(0))
        with k.serial(found.shape[1], "part") as part:
            for number, holds in enumerate(search.bits(k.let(at[lanes(part * FAN, FAN)], "keys"))):
                result[number, part] = bits_of(holds)
    run(k.finish(), table, keys, found, target=X86_V4)
    bits = (found[:, :, None] >> np.arange(FAN, dtype=np.uint16)) & 1
    ranks = (bits.reshape(BITS, -1) << np.arange(BITS)[::-1, None]).sum(0)
    np.testing.assert_array_equal(ranks, ranks_of(keys[:, None], table)[:, 0])
    np.testing.assert_array_equal(ranks, (np.sort(edges) <= keys[:, None]).sum(1))


def test_where_ranks_are_searched() -> None:
    names = ("znver4", "x86-64-v4", "x86-64-v3", "arm_cortex_a72")
    assert [searches_ranks(resolve(name)) for name in names] == [True, True, False, False]
