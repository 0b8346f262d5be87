"""Plans: what shares memory, what is copied, and that no plan computes anything but the graph's reference."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.codegen.plan import (
    CopyCall,
    KernelCall,
    Plan,
    Storage,
    graph_tasks,
    plan_graph,
    print_plan,
    run_plan,
)
from compiler.codegen.plan.batch import share_weights
from compiler.ir import DType, Graph, Layout, Rewriter, TensorType, Value, evaluate, parse_graph
from compiler.ir.literal import Array
from compiler.ir.ops.binary import Add
from compiler.ir.ops.sampling import random_array
from tests.codegen.plan.graphs import graphs
from tests.codegen.plan.kernels import paper_kernel, paper_kernels, paper_plan


def text_plan(body: str, inputs: str = '%0 "x": f32[2,8]') -> Plan:
    """A plan of a graph given as the lines between its braces."""
    return paper_plan(parse_graph(f'graph "main" ({inputs}) {{\n{body}\n}}'))


def arrays_for(graph: Graph) -> dict[str, Array]:
    return {
        name: random_array(*value.type.shape, dtype=value.type.dtype, seed=index, low=0, high=9)
        for index, (name, value) in enumerate(zip(graph.input_names, graph.inputs, strict=True))
    }


@settings(max_examples=max(300, settings().max_examples))
@given(graphs())
def test_a_plan_computes_what_its_graph_says(graph: Graph) -> None:
    arrays = arrays_for(graph)
    expected = evaluate(graph, arrays)
    results = run_plan(paper_plan(graph), arrays)
    for name, array in expected.items():
        np.testing.assert_array_equal(results[name], array)


@given(graphs())
def test_buffers_alive_at_once_never_overlap(graph: Graph) -> None:
    plan = paper_plan(graph)
    arena = [buffer for buffer in plan.buffers if buffer.storage is Storage.ARENA]
    for a, b in itertools.combinations(arena, 2):
        if a.first <= b.last and b.first <= a.last:
            assert a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset
    assert all(buffer.offset % 64 == 0 and buffer.offset + buffer.bytes <= plan.arena_bytes for buffer in arena)
    assert plan.live_bytes <= plan.arena_bytes


@given(graphs())
def test_a_kernel_overwrites_only_what_it_may(graph: Graph) -> None:
    tasks = graph_tasks(graph)
    kernels = paper_kernels(set(tasks.values()))
    plan = plan_graph(graph, tasks, kernels)
    for call in plan.calls:
        if isinstance(call, CopyCall):
            assert call.source.buffer != call.destination.buffer or _apart(plan, call)
            continue
        for index, operand in enumerate(call.operands):
            for result in call.results:
                same = operand.buffer == result.buffer
                ends = operand.offset + operand.type.bytes, result.offset + result.type.bytes
                if same and operand.offset < ends[1] and result.offset < ends[0]:
                    assert operand.offset == result.offset
                    assert index in kernels[call.task].in_place


def _apart(plan: Plan, call: CopyCall) -> bool:
    source = set[int]()
    for row in range(call.rows):
        begin = call.source.offset + row * call.source_stride
        source.update(range(begin, begin + call.row_bytes))
    starts = (call.destination.offset + row * call.destination_stride for row in range(call.rows))
    return all(source.isdisjoint(range(start, start + call.row_bytes)) for start in starts)


@given(graphs())
def test_every_address_lies_inside_its_buffer_and_is_aligned_to_its_element(graph: Graph) -> None:
    plan = paper_plan(graph)
    for call in plan.calls:
        addresses = (call.source,) if isinstance(call, CopyCall) else (*call.operands, *call.results)
        for address in addresses:
            assert 0 <= address.offset <= plan.buffers[address.buffer].bytes - address.type.bytes
            assert address.offset % address.type.dtype.bytes == 0


@given(graphs(), st.integers(0, 3))
def test_planning_is_deterministic(graph: Graph, _: int) -> None:
    assert print_plan(paper_plan(graph)) == print_plan(paper_plan(graph))


def test_reshape_slice_and_trivial_transpose_cost_nothing() -> None:
    plan = text_plan(
        """
        %1 = neg(%0) : f32[2,8]
        %2 = slice(%1) {start = [1, 0], size = [1, 8], step = [1, 1]} : f32[1,8]
        %3 = transpose(%2) {permutation = [1, 0]} : f32[8,1]
        %4 = reshape(%3) {shape = [2, 4]} : f32[2,4]
        %5 = transpose(%4) {permutation = [1, 0]} : f32[4,2]
        return %5 "y"
        """
    )
    neg, transpose = plan.calls
    assert isinstance(neg, KernelCall) and isinstance(transpose, KernelCall)
    assert transpose.operands[0].buffer == neg.results[0].buffer
    assert transpose.operands[0].offset == 32


def test_a_slice_with_gaps_is_computed() -> None:
    plan = text_plan('%1 = slice(%0) {start = [0, 0], size = [2, 4], step = [1, 1]} : f32[2,4]\nreturn %1 "y"')
    (call,) = plan.calls
    assert isinstance(call, KernelCall)


def test_concat_operands_are_produced_in_place() -> None:
    plan = text_plan(
        """
        %1 = neg(%0) : f32[2,8]
        %2 = abs(%0) : f32[2,8]
        %3 = concat(%1, %2) {axis = 0} : f32[4,8]
        %4 = concat(%3, %3) {axis = 0} : f32[8,8]
        return %4 "y"
        """
    )
    neg, absolute, copy = plan.calls
    assert isinstance(neg, KernelCall) and isinstance(absolute, KernelCall) and isinstance(copy, CopyCall)
    assert (neg.results[0].offset, absolute.results[0].offset) == (0, 64)
    assert plan.buffers[neg.results[0].buffer].storage is Storage.OUTPUT
    assert (copy.source.offset, copy.destination.offset) == (0, 128)
    assert plan.arena_bytes == 0


def test_a_concat_is_alive_from_its_first_operand_on() -> None:
    plan = text_plan(
        """
        %1 = neg(%0) : f32[2,8]
        %2 = abs(%0) : f32[2,8]
        %3 = transpose(%2) {permutation = [1, 0]} : f32[8,2]
        %4 = abs(%0) : f32[2,8]
        %5 = concat(%1, %4) {axis = 0} : f32[4,8]
        %6 = transpose(%5) {permutation = [1, 0]} : f32[8,4]
        return %3 "y", %6 "z"
        """
    )
    assert plan.arena_bytes == 128 + 64


def test_a_view_keeps_what_it_views_alive() -> None:
    plan = text_plan(
        """
        %1 = neg(%0) : f32[2,8]
        %2 = reshape(%1) {shape = [4, 4]} : f32[4,4]
        %3 = abs(%0) : f32[2,8]
        %4 = transpose(%3) {permutation = [1, 0]} : f32[8,2]
        %5 = transpose(%2) {permutation = [1, 0]} : f32[4,4]
        return %4 "y", %5 "z"
        """
    )
    assert plan.arena_bytes == 64 + 64


def test_a_small_operand_does_not_make_a_large_block_live_longer() -> None:
    """%1 could be made where %4 lies in %5, but then 192 bytes would be needed while only 64 matter."""
    plan = text_plan(
        """
        %1 = neg(%0) : f32[2,8]
        %2 = transpose(%1) {permutation = [1, 0]} : f32[8,2]
        %3 = transpose(%2) {permutation = [1, 0]} : f32[2,8]
        %4 = abs(%1) : f32[2,8]
        %5 = concat(%0, %0, %4) {axis = 0} : f32[6,8]
        %6 = transpose(%5) {permutation = [1, 0]} : f32[8,6]
        return %3 "y", %6 "z"
        """
    )
    (whole,) = (b for b in plan.buffers if b.bytes == 192 and b.storage is Storage.ARENA)
    assert whole.first == 3


def in_blocks(op: str, operands: str, inputs: str, result: str) -> str:
    """A node as ``choose-layouts`` leaves it: one op, whose result gets the layout of its operands."""
    return f"""fused({operands}) [
      graph "moved" ({inputs}) {{
        %7 = {op} : {result}
        %8 = relayout(%7) {{layout = layout<{{1:4}}>}} : {result}{{1:4}}
        return %8 "out0"
      }}
    ] : {result}{{1:4}}"""


def blocked_views(first: int, start: int) -> Graph:
    """A concat of ``first`` and 5 channels in blocks of 4, and the channels of it from ``start`` on."""
    total = first + 5
    joined = in_blocks(
        "concat(%0, %1) {axis = 1}",
        "%2, %4",
        f'%0 "a": f32[1,{first},3,2]{{1:4}}, %1 "b": f32[1,5,3,2]{{1:4}}',
        f"f32[1,{total},3,2]",
    )
    cut = in_blocks(
        f"slice(%0) {{start = [0,{start},0,0], size = [1,{total - start},3,2], step = [1,1,1,1]}}",
        "%5",
        f'%0 "a": f32[1,{total},3,2]{{1:4}}',
        f"f32[1,{total - start},3,2]",
    )
    return parse_graph(
        f"""graph "main" (%0 "x": f32[1,{first},3,2], %1 "y": f32[1,5,3,2]) {{
        %2 = relayout(%0) {{layout = layout<{{1:4}}>}} : f32[1,{first},3,2]{{1:4}}
        %4 = relayout(%1) {{layout = layout<{{1:4}}>}} : f32[1,5,3,2]{{1:4}}
        %5 = {joined}
        %6 = {cut}
        %9 = relayout(%6) {{layout = layout<>}} : f32[1,{total - start},3,2]
        %10 = relayout(%5) {{layout = layout<>}} : f32[1,{total},3,2]
        return %9 "part", %10 "all"
        }}"""
    )


@pytest.mark.parametrize(("first", "start", "calls"), [(8, 4, 4), (4, 8, 4), (8, 6, 5), (6, 4, 5)])
def test_concats_and_slices_of_whole_blocks_cost_nothing(first: int, start: int, calls: int) -> None:
    graph = blocked_views(first, start)
    plan = paper_plan(graph)
    assert len(plan.calls) == calls
    arrays = arrays_for(graph)
    results = run_plan(plan, arrays)
    for name, array in evaluate(graph, arrays).items():
        np.testing.assert_array_equal(results[name], array)


def test_a_relayout_that_moves_nothing_is_a_view() -> None:
    plan = text_plan(
        """
        %1 = relayout(%0) {layout = layout<{1:4}>} : f32[2,8,1,1]{1:4}
        %2 = relayout(%1) {layout = layout<>} : f32[2,8,1,1]
        %3 = neg(%2) : f32[2,8,1,1]
        return %3 "y"
        """,
        inputs='%0 "x": f32[2,8,1,1]',
    )
    assert [call.name for call in plan.calls] == ["neg"]


def test_a_concat_of_columns_is_copied_row_by_row() -> None:
    plan = text_plan('%1 = neg(%0) : f32[2,8]\n%2 = concat(%0, %1) {axis = 1} : f32[2,16]\nreturn %2 "y"')
    copies = [call for call in plan.calls if isinstance(call, CopyCall)]
    assert [(c.rows, c.row_bytes, c.source_stride, c.destination_stride) for c in copies] == [(2, 32, 32, 64)] * 2
    assert [copy.destination.offset for copy in copies] == [0, 32]


def test_an_elementwise_chain_runs_in_one_buffer() -> None:
    plan = text_plan('%1 = neg(%0) : f32[2,8]\n%2 = abs(%1) : f32[2,8]\n%3 = neg(%2) : f32[2,8]\nreturn %3 "y"')
    assert {buffer.storage for buffer in plan.buffers} == {Storage.INPUT, Storage.OUTPUT}
    assert plan.arena_bytes == 0
    assert plan.tensor_bytes == 3 * 64


def test_an_operand_that_is_needed_later_is_not_overwritten() -> None:
    plan = text_plan(
        """
        %1 = neg(%0) : f32[2,8]
        %2 = abs(%1) : f32[2,8]
        %3 = transpose(%1) {permutation = [1, 0]} : f32[8,2]
        return %2 "y", %3 "z"
        """
    )
    assert plan.arena_bytes == 64


def test_outputs_that_are_inputs_constants_or_duplicates_are_copied() -> None:
    plan = text_plan(
        """
        %1 = constant() {value = dense<f32[2]: 1.0, 2.0>} : f32[2]
        %2 = neg(%0) : f32[2,8]
        return %0 "a", %1 "b", %2 "c", %2 "d"
        """
    )
    copies = [call for call in plan.calls if isinstance(call, CopyCall)]
    assert [copy.name for copy in copies] == ["output a", "output b", "output d"]


def test_equal_constants_are_stored_once_and_packed() -> None:
    graph = Graph("main")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (3, 5)))
    weights = random_array(3, 5)
    total: Value = x
    for _ in range(2):
        total = rewriter.emit(Add(), total, rewriter.constant(weights.copy()))
    rewriter.output("y", total)
    plan = paper_plan(graph)
    assert [weight.type for weight in plan.weights] == [TensorType(DType.F32, (3, 5))]
    assert plan.weights_bytes == 60


def test_a_constant_in_a_blocked_layout_is_packed_when_built() -> None:
    plan = text_plan(
        """
        %1 = constant() {value = dense<f32[2,3]: 1.0, 2.0, 3.0, 4.0, 5.0, 6.0>} : f32[2,3]
        %2 = relayout(%1) {layout = layout<{1:4}>} : f32[2,3]{1:4}
        %3 = neg(%2) : f32[2,3]
        %4 = relayout(%3) {layout = layout<{1:4}>} : f32[2,3]{1:4}
        %5 = relayout(%4) {layout = layout<>} : f32[2,3]
        return %5 "y"
        """
    )
    assert [weight.layout for weight in plan.weights] == [Layout(((1, 4),))]
    assert [call.name for call in plan.calls] == ["neg", "relayout", "relayout"]


def test_no_call_is_made_for_empty_tensors() -> None:
    plan = text_plan('%1 = neg(%0) : f32[0,8]\nreturn %1 "y"', inputs='%0 "x": f32[0,8]')
    assert plan.calls == ()


def test_a_kernel_without_permission_gets_memory_of_its_own() -> None:
    graph = parse_graph(
        'graph "main" (%0 "x": f32[64]) {\n%1 = neg(%0) : f32[64]\n%2 = abs(%1) : f32[64]\nreturn %2 "y"\n}'
    )
    tasks = graph_tasks(graph)
    plan = plan_graph(graph, tasks, {task: paper_kernel(task.hash, ()) for task in tasks.values()})
    assert plan.arena_bytes == 256


def test_the_text_of_a_plan() -> None:
    plan = text_plan('%1 = neg(%0) : f32[2,8] @"Neg_0"\nreturn %1 "y", %1 "z"')
    text = print_plan(plan)
    symbol = plan.calls[0].symbol if isinstance(plan.calls[0], KernelCall) else ""
    assert text == (
        'plan "main" {\n'
        "  // arena 0 bytes (at least 0; 64 without sharing), weights 0, scratch 0 per worker\n"
        '  input 0 "x": f32[2,8]\n'
        '  output 0 "y": f32[2,8]\n'
        '  output 1 "z": f32[2,8]\n'
        "  %0 = input {number = 0, bytes = 64, space = host, steps = 0..0}\n"
        "  %1 = output {number = 0, bytes = 64, space = host, steps = 0..1}\n"
        "  %2 = output {number = 1, bytes = 64, space = host, steps = 1..1}\n"
        f'  0: cpu {symbol}(%0: f32[2,8]) -> %1: f32[2,8] {{extent = 1, scratch = 0}} @"Neg_0"\n'
        "  1: cpu copy %2: f32[2,8] <- %1: f32[2,8] {rows = 1, row_bytes = 64, strides = [64, 64]}"
        ' @"output z"\n'
        "}\n"
    )


def test_constants_of_the_same_bytes_are_shared_whatever_their_shapes() -> None:
    """As the leaves of a forest, for a tile of rows and for one row."""

    def plan_of(*shapes: tuple[int, ...]) -> Plan:
        graph = Graph("g")
        rewriter = Rewriter(graph)
        for number, shape in enumerate(shapes):
            x = rewriter.input(f"x{number}", TensorType(DType.F32, shape))
            constant = rewriter.constant(np.arange(x.type.elements, dtype=np.float32).reshape(shape))
            rewriter.output(f"y{number}", rewriter.emit(Add(), x, constant))
        return paper_plan(graph)

    first, second = share_weights([plan_of((2, 8)), plan_of((16,), (17,))])
    assert first.weights == second.weights and len(first.weights) == 2
