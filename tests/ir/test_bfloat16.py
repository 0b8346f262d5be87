"""Casts from and to bfloat16, whose storage numpy cannot tell from uint16."""

from __future__ import annotations

import numpy as np

from compiler.ir import DType, Graph, Rewriter, TensorType
from compiler.ir.dtypes import narrow_bf16, widen_bf16
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.unary import Cast


def cast_graph(source: DType, to: DType, size: int) -> Graph:
    graph = Graph("main")
    rewriter = Rewriter(graph)
    rewriter.output("y", rewriter.emit(Cast(to), rewriter.input("x", TensorType(source, (size,)))))
    return graph


def test_casts_convert_values_not_bits():
    values = np.array([1.0, -2.5, 3.140625, np.inf, 1e-30], np.float32)
    bits = narrow_bf16(values)
    (widened,) = run_graph(cast_graph(DType.BF16, DType.F32, 5), [bits])
    np.testing.assert_array_equal(widened, widen_bf16(bits))
    (narrowed,) = run_graph(cast_graph(DType.F64, DType.BF16, 5), [values.astype(np.float64)])
    np.testing.assert_array_equal(narrowed, bits)


def test_narrowing_rounds_ties_to_even_and_keeps_nan():
    below, above = np.array([0x3F808000, 0x3F818000], np.uint32).view(np.float32)
    np.testing.assert_array_equal(narrow_bf16(np.array([below, above])), np.array([0x3F80, 0x3F82], np.uint16))
    assert np.isnan(widen_bf16(narrow_bf16(np.array([np.nan], np.float32))))[0]
