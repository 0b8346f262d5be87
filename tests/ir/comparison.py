"""Inputs for a graph, and whether two graphs give the same results on them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compiler.ir import DType, Graph, evaluate
from compiler.ir.literal import Array
from compiler.ir.ops.sampling import random_array

RELATIVE_TOLERANCE = {np.dtype(np.float16): 2e-2, np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-9}


def random_inputs(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Seeded arrays for the inputs of a graph: floats in [-2, 2), integers -2 to 1 (0 and 1 if unsigned)."""
    return {
        name: random_array(
            *value.type.shape,
            dtype=value.type.dtype,
            seed=seed + index,
            low=-2 if value.type.dtype.is_signed else 0,
        )
        for index, (name, value) in enumerate(zip(graph.input_names, graph.inputs, strict=True))
    }


def special_inputs(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """As ``random_inputs``, with about half of all floats replaced by zeros of both signs, infinities, NaN,
    subnormal and huge numbers."""
    inputs = random_inputs(graph, seed)
    generator = np.random.default_rng(seed)
    for name, array in inputs.items():
        if array.dtype.kind == "f":
            limits = np.finfo(array.dtype)
            numbers = [0.0, -0.0, np.inf, -np.inf, np.nan, limits.smallest_subnormal, -limits.max, limits.max]
            chosen = generator.choice(np.array(numbers, array.dtype), array.shape)
            inputs[name] = np.where(generator.random(array.shape) < 0.5, chosen, array).astype(array.dtype)
    return inputs


def assert_same_results(before: Graph, after: Graph, inputs: Mapping[str, Array], exact: bool = True) -> None:
    """Fail unless both graphs give equal outputs by the reference: the same bits (any NaN equals any other,
    and 0.0 is not -0.0), or floats that agree to a tolerance relative to the largest element."""
    assert after.input_names == before.input_names
    assert [value.type for value in after.inputs] == [value.type for value in before.inputs]
    assert after.output_names == before.output_names
    assert [value.type for value in after.outputs] == [value.type for value in before.outputs]
    expected, actual = evaluate(before, inputs), evaluate(after, inputs)
    for name, wanted in expected.items():
        assert_same_arrays(wanted, actual[name], exact, f"output {name!r}")


def assert_same_arrays(wanted: Array, actual: Array, exact: bool, what: str) -> None:
    """Fail unless two arrays of one type are equal in the sense of ``assert_same_results``."""
    if exact or not DType.of(wanted.dtype).is_float:
        np.testing.assert_array_equal(actual, wanted, what)
        if wanted.dtype.kind == "f":
            numbers = ~np.isnan(wanted)
            np.testing.assert_array_equal(np.signbit(actual)[numbers], np.signbit(wanted)[numbers], what)
        return
    tolerance = RELATIVE_TOLERANCE[wanted.dtype]
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = float(finite.max(initial=0))
    np.testing.assert_allclose(actual, wanted, rtol=tolerance, atol=tolerance * scale, err_msg=what)
