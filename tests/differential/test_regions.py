"""Random fused regions, by kind: every template that matches, with every legal configuration, is right."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compiler.ir import parse_graph
from compiler.targets import Target, resolve
from tests.codegen.task_kernels import HOST, load_kernel
from tests.differential import regions
from tests.differential.checking import check_region
from tests.differential.drawing import Drawn
from tests.differential.regions import choices


def runs_here(target: Target) -> bool:
    """Whether this machine's processor has all that code for ``target`` uses."""
    return target.isa == HOST.isa and set(target.features) <= set(HOST.features)


TARGETS = [HOST, *(t for t in map(resolve, ("x86-64-v2", "x86-64-v3", "arm_cortex_a53")) if runs_here(t))]
"""This machine, and older ones of its kind, whose vectors are shorter and lack instructions."""


def check(data: st.DataObject, drawn: Drawn) -> None:
    target = data.draw(st.sampled_from(TARGETS), label="target")
    check_region(drawn.graph, drawn.arrays, data.draw(choices(drawn.graph, target), label="choice"), target)


@given(st.data(), regions.pointwise_regions())
def test_pointwise(data: st.DataObject, drawn: Drawn) -> None:
    check(data, drawn)


@given(st.data(), regions.reduction_regions())
def test_reductions(data: st.DataObject, drawn: Drawn) -> None:
    check(data, drawn)


@given(st.data(), regions.row_regions())
def test_rows(data: st.DataObject, drawn: Drawn) -> None:
    check(data, drawn)


@given(st.data(), regions.conv_regions())
def test_convolutions(data: st.DataObject, drawn: Drawn) -> None:
    check(data, drawn)


@given(st.data(), regions.conv_regions(depthwise=True))
def test_depthwise_convolutions(data: st.DataObject, drawn: Drawn) -> None:
    check(data, drawn)


@given(st.data(), regions.matmul_regions())
def test_matrix_products(data: st.DataObject, drawn: Drawn) -> None:
    check(data, drawn)


@given(st.data(), regions.attention_regions())
def test_attention(data: st.DataObject, drawn: Drawn) -> None:
    check(data, drawn)


@given(st.data(), regions.pool_regions())
def test_pools(data: st.DataObject, drawn: Drawn) -> None:
    check(data, drawn)


@given(st.data(), regions.resample_regions())
def test_resampling(data: st.DataObject, drawn: Drawn) -> None:
    check(data, drawn)


@given(st.data(), regions.overwriting_regions())
def test_overwriting_an_operand(data: st.DataObject, drawn: Drawn) -> None:
    check(data, drawn)


def test_kernels_say_which_operands_they_may_overwrite() -> None:
    graph = parse_graph(
        """
        graph "task" (%0 "own": f32[9,9], %1 "turned": f32[9,9], %2 "row": f32[9], %3 "other": i32[9,9]) {
          %4 = transpose(%1) {permutation = [1, 0]} : f32[9,9]
          %5 = add(%0, %4) : f32[9,9]
          %6 = mul(%5, %2) : f32[9,9]
          %7 = cast(%3) {to = f32} : f32[9,9]
          %8 = add(%6, %7) : f32[9,9]
          return %8 "y"
        }
        """
    )
    assert load_kernel(graph).info.in_place == (0,)
