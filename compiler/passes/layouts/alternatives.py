"""The forms that a node can take: which layouts of operands and result, with which weights, at what cost.

Every node can stay as it is, row-major. Convolutions with constant weights, window ops, groups of elementwise ops,
concats and slices may also have their channels in blocks; the context's costs, asked about all forms of a node at once,
say which of them a kernel exists for (others cost infinitely much) and which is the fastest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Node, Value
from compiler.ir.literal import Literal
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.movement import Concat, Slice
from compiler.ir.ops.pooling import Pool
from compiler.ir.ops.reduction import Reduce
from compiler.ir.ops.region import Fused
from compiler.ir.ops.resampling import Resample
from compiler.ir.task import Task, task_of
from compiler.ir.types import ROW_MAJOR, Layout, TensorType
from compiler.passes.context import CostsOf
from compiler.passes.layouts.regions import in_layouts, input_index, only_node, region_of
from compiler.passes.layouts.winograd import winograd_region, winograd_weights
from compiler.passes.op_kinds import constant_of, is_elementwise

MOST_VECTORS = 4
"""Vectors of filters that kernels compute at once, at most."""

WINOGRAD_OUTPUTS = (2, 4)
"""Sizes of the square tiles of results that Winograd's algorithm is tried with."""

SECONDS_PER_ADDED_BYTE = 1 / 13e9
"""What each byte must save that a form adds to the model's constants: the time to be read once from memory. Its own
reading is in the form's cost already; this is for the memory that it occupies, and for what it drives out of caches."""

SMALLEST_BLOCK = 4
"""Below this many channels side by side, vectors along channels are mostly padding."""


ConstantForms = Mapping[int, Callable[[Literal], Literal]]
"""What a form reads in the place of operands that are constants, by the operand's number."""


@dataclass(frozen=True)
class Form:
    """A form of a node: its region (None: the node as it is), the layouts that it wants its operands in, that of its
    result, and its task (none where there is no choice, at no cost). Constants are stored in whatever
    layout is wanted; ``constants`` says which are computed anew, ``added_bytes`` how much larger they are then.
    """

    region: Graph | None
    operands: tuple[Layout, ...]
    result: Layout
    tasks: tuple[Task, ...]
    constants: ConstantForms = field(default_factory=dict[int, Callable[[Literal], Literal]])
    added_bytes: int = 0


@dataclass(frozen=True)
class Alternative:
    """A form, and what it costs beside the other forms of its node."""

    form: Form
    seconds: float


def alternatives(node: Node, blocks: Layout, costs: CostsOf, *, winograd: bool = True) -> list[Alternative]:
    """The forms of a node worth considering, of each pair of layouts the cheapest; at least the node as it is."""
    forms = forms_of(node, blocks, winograd=winograd)
    seconds = costs([form.tasks for form in forms])
    priced = [
        Alternative(form, cost + form.added_bytes * SECONDS_PER_ADDED_BYTE)
        for form, cost in zip(forms, seconds, strict=True)
    ]
    best: dict[tuple[tuple[Layout, ...], Layout], Alternative] = {}
    for one in priced:
        key = (_data_layouts(node, one.form), one.form.result)
        if key not in best or one.seconds < best[key].seconds:
            best[key] = one
    possible = [one for one in best.values() if math.isfinite(one.seconds)]
    return possible or priced[:1]


def forms_of(node: Node, blocks: Layout, *, winograd: bool = True) -> list[Form]:
    """All forms of a node, the node as it is first; there need not be a kernel for each.

    ``blocks`` is the blocked layout of activations, channels in vectors; ``winograd`` says whether forms by Winograd's
    algorithm, which round differently from all others, are among them.
    """
    return [_as_it_is(node), *_others(node, blocks, winograd)]


def _data_layouts(node: Node, form: Form) -> tuple[Layout, ...]:
    """The layouts of the operands that are computed at run time; constants have whichever is wanted, for free."""
    pairs = zip(node.operands, form.operands, strict=True)
    return tuple(layout for value, layout in pairs if constant_of(value) is None)


def _as_it_is(node: Node) -> Form:
    layouts = tuple(operand.type.layout for operand in node.operands)
    result = node.results[0].type.layout if node.results else ROW_MAJOR
    return Form(None, layouts, result, (task_of(node),) if _blockable(node) else ())


def _blockable(node: Node) -> bool:
    """Whether a node's float32 result has channels that could lie in blocks."""
    if len(node.results) != 1 or not (
        isinstance(node.op, Fused | Conv | Pool | Reduce | Concat | Slice | Resample) or is_elementwise(node.op)
    ):
        return False
    result = node.result.type
    has_channels = result.rank >= 3 and result.shape[1] > 1 and result.elements > 0
    return result.dtype is DType.F32 and result.layout == ROW_MAJOR and has_channels


def _others(node: Node, blocks: Layout, winograd: bool) -> Iterator[Form]:
    if not _blockable(node):
        return
    region = region_of(node)
    conv = only_node(region, Conv)
    if is_depthwise_chain(region):
        yield from depthwise_chain_forms(region, blocks)
    elif conv is not None and constant_of(_weights(node, region, conv)) is not None:
        yield from _convolutions(region, conv, blocks)
        if winograd:
            yield from _winograd(region, conv, blocks)
    else:
        yield _form(region, _blocked_operands(region, blocks), blocks)


def _form(region: Graph, operands: tuple[Layout, ...], result: Layout, constants: ConstantForms | None = None) -> Form:
    form = in_layouts(region, operands, result)
    return Form(form, operands, result, (Task.of(form),), constants or {})


def _blocked_operands(region: Graph, blocks: Layout) -> tuple[Layout, ...]:
    """Layouts of operands beside a blocked result: blocks where an operand has channels too."""
    rank = region.outputs[0].type.rank
    return tuple(_beside(value.type, rank, blocks) for value in region.inputs)


def _beside(operand: TensorType, rank: int, blocks: Layout) -> Layout:
    """The layout of an operand of a blocked result of ``rank`` axes: axes are aligned from the right."""
    ((axis, size),) = blocks.blocks
    own = axis - (rank - operand.rank)
    has_channels = own >= 0 and operand.shape[own] > 1 and operand.dtype is DType.F32
    return Layout(((own, size),)) if has_channels else operand.layout


# -- convolutions -----------------------------------------------------------------------------------


def _weights(node: Node, region: Graph, conv: Node) -> Value:
    """The value outside the region that a convolution in it has as weights."""
    weights = conv.operands[1]
    return node.operands[input_index(region, weights)] if weights in region.inputs else weights


def _convolutions(region: Graph, conv: Node, blocks: Layout) -> Iterator[Form]:
    """The forms by the direct algorithm."""
    assert isinstance(conv.op, Conv)
    x, w = (input_index(region, operand) for operand in conv.operands)
    plain = tuple(value.type.layout for value in region.inputs)
    beside = _blocked_operands(region, blocks)
    filters, channels = conv.operands[1].type.shape[:2]
    ((_, lanes),) = blocks.blocks
    if channels == 1 and filters == conv.op.groups == conv.operands[0].type.shape[1]:
        depthwise = _changed(beside, {w: Layout(((0, lanes),))})
        yield _form(region, depthwise, blocks)
        return
    for width in row_major_blocks(filters, conv.op.groups, lanes):
        yield _form(region, _changed(plain, {w: Layout(((0, width),))}), ROW_MAJOR)
    for vectors in _vectors(filters, lanes):
        packed = Layout(((1, min(lanes, channels)), (0, vectors * lanes)))
        yield _form(region, _changed(beside, {w: packed}), blocks)
        if channels < lanes:
            yield _form(region, _changed(beside, {w: packed, x: ROW_MAJOR}), blocks)


def _winograd(region: Graph, conv: Node, blocks: Layout) -> Iterator[Form]:
    """The forms by Winograd's algorithm, for blocked images."""
    w = input_index(region, conv.operands[1])
    beside = _blocked_operands(region, blocks)
    ((_, lanes),) = blocks.blocks
    for outputs in WINOGRAD_OUTPUTS:
        tiled = winograd_region(region, outputs)
        if tiled is None:
            continue
        constants = {w: partial(winograd_weights, outputs=outputs)}
        added = tiled.inputs[w].type.bytes - region.inputs[w].type.bytes
        for vectors in _vectors(conv.operands[1].type.shape[0], lanes):
            packed = Layout(((1, vectors * lanes),))
            yield replace(_form(tiled, _changed(beside, {w: packed}), blocks, constants), added_bytes=added)


def is_depthwise_chain(region: Graph) -> bool:
    """Whether ``fuse-depthwise`` made a region: no other has several convolutions."""
    return sum(isinstance(node.op, Conv) for node in region) > 1


def depthwise_chain_forms(region: Graph, blocks: Layout) -> Iterator[Form]:
    """The forms of a depthwise convolution and the 1x1 convolution of its result, perhaps behind another 1x1
    convolution, which are computed blocked only."""
    *expansions, depthwise, product = (node.operands[1] for node in region if isinstance(node.op, Conv))
    ((_, lanes),) = blocks.blocks
    packed = {input_index(region, depthwise): Layout(((0, lanes),))}
    for w in expansions:
        packed[input_index(region, w)] = Layout(((1, min(lanes, w.type.shape[1])), (0, lanes)))
    for vectors in _vectors(product.type.shape[0], lanes):
        packed[input_index(region, product)] = Layout(((1, lanes), (0, vectors * lanes)))
        yield _form(region, _changed(_blocked_operands(region, blocks), packed), blocks)


def _vectors(filters: int, lanes: int) -> range:
    """Vectors of filters side by side that are worth trying."""
    return range(1, min(MOST_VECTORS, -(-filters // lanes)) + 1)


def row_major_blocks(filters: int, groups: int, lanes: int) -> Iterator[int]:
    """Filters per block of the weights that a convolution of row-major images reads: the widths that waste least."""
    lanes = max(lanes, SMALLEST_BLOCK)
    candidates = [2 * lanes, lanes, *(lanes // 2 for _ in range(filters <= lanes // 2))]
    block = min((block for block in candidates if block >= SMALLEST_BLOCK), key=lambda b: (-(-filters // b) * b, -b))
    while groups > 1 and (filters // groups) % block:
        block //= 2
    if block >= SMALLEST_BLOCK:
        yield block


def _changed(layouts: tuple[Layout, ...], changes: dict[int, Layout]) -> tuple[Layout, ...]:
    return tuple(changes.get(index, layout) for index, layout in enumerate(layouts))
