"""Random fused regions, by kind: every template that matches, with every legal configuration, is right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.codegen.schedules import loops
from compiler.ir import parse_graph
from compiler.targets import Target, resolve
from tests.codegen.task_kernels import HOST, load_kernel
from tests.differential import regions
from tests.differential.checking import check_region
from tests.differential.drawing import Drawn
from tests.differential.fuzzing import fuzz
from tests.differential.regions import choices


def runs_here(target: Target) -> bool:
    """Whether this machine's processor has all that code for ``target`` uses."""
    return target.isa == HOST.isa and set(target.features) <= set(HOST.features)


TARGETS = [HOST, *(t for t in map(resolve, ("x86-64-v2", "x86-64-v3")) if runs_here(t))]
"""This machine, and older ones of its kind, whose vectors are shorter and lack instructions."""

REGIONS: dict[str, st.SearchStrategy[Drawn]] = {
    "pointwise": regions.pointwise_regions(),
    "overwriting": regions.overwriting_regions(),
    "reductions": regions.reduction_regions(),
    "rows": regions.row_regions(),
    "convolutions": regions.conv_regions(),
    "depthwise": regions.conv_regions(depthwise=True),
    "matrix products": regions.matmul_regions(),
    "attention": regions.attention_regions(),
    "pools": regions.pool_regions(),
    "resampling": regions.resample_regions(),
}
KINDS = pytest.mark.parametrize("kind", REGIONS)


def check(kind: str, data: st.DataObject) -> None:
    """One region, template, configuration and target."""
    drawn = data.draw(REGIONS[kind], label="region")
    target = data.draw(st.sampled_from(TARGETS), label="target")
    check_region(drawn.graph, drawn.arrays, data.draw(choices(drawn.graph, target), label="choice"), target)


def check_in_chunks(kind: str, data: st.DataObject) -> None:
    """The same with long axes cut into many pieces, without the long axes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loops, "CHUNK_ELEMENTS", 32)
        check(kind, data)


@KINDS
@settings(max_examples=30)
@given(data=st.data())
def test_regions(kind: str, data: st.DataObject) -> None:
    check(kind, data)


@settings(max_examples=20)
@given(data=st.data(), kind=st.sampled_from(("pointwise", "reductions")))
def test_regions_in_chunks(kind: str, data: st.DataObject) -> None:
    check_in_chunks(kind, data)


@pytest.mark.long
@KINDS
def test_regions_at_length(kind: str) -> None:
    fuzz(lambda data: check(kind, data))


@pytest.mark.long
@pytest.mark.parametrize("kind", ("pointwise", "reductions"))
def test_regions_in_chunks_at_length(kind: str) -> None:
    fuzz(lambda data: check_in_chunks(kind, data))


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
