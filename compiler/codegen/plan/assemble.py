"""The last step of planning: decided places become buffers, addresses and calls.

Owns the order of calls, the order of constants in the weights, and the numbering of buffers. Decides nothing
about sharing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.plan.arena import Interval, live_bytes, pack_arena
from compiler.codegen.plan.blocks import Block, CopyRequest, Place
from compiler.codegen.plan.plan import (
    Address,
    Buffer,
    Call,
    CopyCall,
    KernelCall,
    Plan,
    Storage,
    Weight,
    align,
)
from compiler.codegen.plan.views import packed_constant
from compiler.ir import Graph, Layout, Literal, Node, Task, TensorType, Value

COPY_CHUNK = 1 << 16
"""A contiguous copy is cut into rows of at most this many bytes, so that threads can share it."""


@dataclass(frozen=True)
class Decisions:
    """What the planner decided: the step of each node, the place of each value, and what must be copied.

    ``literals`` gives the content of the blocks of constants.
    """

    steps: Mapping[Node, int]
    places: Mapping[Value, Place]
    literals: Mapping[Block, tuple[Literal, Layout]]
    copies: Sequence[CopyRequest]


def assemble(
    graph: Graph, tasks: Mapping[Node, Task], kernels: Mapping[Task, KernelInfo], decisions: Decisions
) -> Plan:
    """The plan that carries out the decisions; raises KeyError for a task without kernel."""
    steps = {node: decisions.steps[node] for node in tasks}
    jobs: list[tuple[int, Node | CopyRequest]] = [(step, node) for node, step in steps.items()]
    jobs += [(copy.step, copy) for copy in decisions.copies]
    jobs.sort(key=lambda job: job[0])
    used = list(dict.fromkeys(_used_blocks(decisions, [job for _, job in jobs])))
    weights, weights_bytes = _lay_out_weights(used, decisions.literals)
    scratch = [block for block in used if block.storage is Storage.ARENA]
    intervals = [Interval(block.bytes, block.first, block.last) for block in scratch]
    arena = pack_arena(intervals)
    offsets = dict(zip(scratch, arena.offsets, strict=True)) | {
        block: weight.offset for block, weight in weights.items()
    }
    addresses = _Addresses(decisions.places, {block: index for index, block in enumerate(used)})
    return Plan(
        name=graph.name,
        inputs=tuple((name, value.type) for name, value in zip(graph.input_names, graph.inputs, strict=True)),
        outputs=tuple((name, value.type) for name, value in zip(graph.output_names, graph.outputs, strict=True)),
        buffers=tuple(_buffer(block, offsets.get(block, block.number)) for block in used),
        calls=tuple(_call(step, job, tasks, kernels, addresses) for step, job in jobs),
        weights=tuple(weights.values()),
        arena_bytes=arena.bytes,
        live_bytes=live_bytes(intervals),
        tensor_bytes=sum(_stored_bytes(node) for node in graph),
        weights_bytes=weights_bytes,
    )


@dataclass(frozen=True)
class _Addresses:
    places: Mapping[Value, Place]
    numbers: Mapping[Block, int]

    def of(self, value: Value) -> Address:
        return self.at(self.places[value], value.type)

    def at(self, place: Place, type_: TensorType) -> Address:
        found = place.resolve()
        return Address(self.numbers[found.block], found.offset, type_)


def _used_blocks(decisions: Decisions, jobs: Iterable[Node | CopyRequest]) -> Iterator[Block]:
    for job in jobs:
        if isinstance(job, CopyRequest):
            yield decisions.places[job.source].resolve().block
            yield job.target.resolve().block
        else:
            yield from (decisions.places[value].resolve().block for value in (*job.operands, *job.results))


def _lay_out_weights(
    used: Sequence[Block], literals: Mapping[Block, tuple[Literal, Layout]]
) -> tuple[dict[Block, Weight], int]:
    """Constants one after another in the order of their first use; and the size of it all."""
    weights: dict[Block, Weight] = {}
    end = 0
    for block in used:
        if block in literals:
            literal, layout = literals[block]
            weights[block] = Weight(literal, layout, align(end))
            end = align(end) + block.bytes
    return weights, end


def _buffer(block: Block, offset: int) -> Buffer:
    return Buffer(block.storage, offset, block.bytes, block.first, block.last)


def _call(
    step: int,
    job: Node | CopyRequest,
    tasks: Mapping[Node, Task],
    kernels: Mapping[Task, KernelInfo],
    addresses: _Addresses,
) -> Call:
    if isinstance(job, CopyRequest):
        return _copy_call(job, addresses)
    kernel = kernels[tasks[job]]
    return KernelCall(
        step=step,
        name=call_name(job),
        task=tasks[job],
        symbol=kernel.symbol,
        operands=tuple(map(addresses.of, job.operands)),
        results=tuple(map(addresses.of, job.results)),
        extent=kernel.extent,
        scratch_bytes=kernel.scratch_bytes,
        flops=kernel.flops,
        bytes=kernel.bytes,
        template=kernel.template,
        config=kernel.config,
    )


def _copy_call(request: CopyRequest, addresses: _Addresses) -> CopyCall:
    size = request.source.type.bytes
    rows, row_bytes, stride = request.rows, size // request.rows, request.stride
    if rows == 1:
        rows, row_bytes, stride = _chunks(size)
    return CopyCall(
        step=request.step,
        name=request.name,
        source=addresses.of(request.source),
        destination=addresses.at(request.target, request.source.type),
        rows=rows,
        row_bytes=row_bytes,
        source_stride=row_bytes,
        destination_stride=stride,
    )


def _chunks(size: int) -> tuple[int, int, int]:
    """A contiguous copy as equal rows: the number of them, their size and their distance."""
    row = min(size & -size, COPY_CHUNK)
    return (size // row, row, row) if row >= 4096 else (1, size, size)


def call_name(node: Node) -> str:
    """A name for messages and profiles: the origin in the source model, else the ops that the kernel
    computes."""
    if node.origin:
        return node.origin
    names = [inner.op.name for region in node.regions for inner in region]
    return "+".join(names) if names else node.op.name


def _stored_bytes(node: Node) -> int:
    return sum(value.type.bytes for value in node.results if packed_constant(value) is None)
