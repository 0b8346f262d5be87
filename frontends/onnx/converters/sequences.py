"""Sequences and optionals. They exist only while a model is imported, as tuples of known length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.ops.broadcasting import normalize_axis
from frontends.onnx.context import Converter, Item, NodeContext, OptionalItem, TensorSequence, Unsupported
from frontends.onnx.converters.parameters import constant_ints
from frontends.onnx.converters.slicing import joined, split_along


def _sequence(ctx: NodeContext, index: int = 0) -> tuple[Item, ...]:
    item = ctx.items[index]
    if isinstance(item, OptionalItem):
        item = item.element
    if not isinstance(item, TensorSequence):
        raise Unsupported(f"its input {index} is not a sequence")
    return item.elements


def _tensors(ctx: NodeContext) -> list[Value]:
    elements = [item for item in _sequence(ctx) if isinstance(item, Value)]
    if len(elements) != len(_sequence(ctx)) or not elements:
        raise Unsupported("it needs a sequence of at least one tensor")
    return elements


def _place(ctx: NodeContext, index: int, length: int) -> int:
    """The known position in input ``index``, negative ones counted from the end."""
    (position,) = constant_ints(ctx, index, "the position in the sequence")
    if not -length <= position < length:
        raise Unsupported(f"position {position} is outside a sequence of {length}")
    return position % length


def construct(ctx: NodeContext) -> Item:
    """A sequence of the inputs."""
    return TensorSequence(ctx.items)


def empty(ctx: NodeContext) -> Item:
    """A sequence of nothing."""
    return TensorSequence(())


def at(ctx: NodeContext) -> Item:
    """The element at a known position."""
    elements = _sequence(ctx)
    return elements[_place(ctx, 1, len(elements))]


def insert(ctx: NodeContext) -> Item:
    """With an element put before a known position, by default at the end."""
    elements = _sequence(ctx)
    count = len(elements)
    (position,) = constant_ints(ctx, 2, "the position in the sequence") if ctx.has(2) else (count,)
    if not -count <= position <= count:
        raise Unsupported(f"position {position} is outside a sequence of {count}")
    place = position + count if position < 0 else position
    return TensorSequence((*elements[:place], ctx.items[1], *elements[place:]))


def erase(ctx: NodeContext) -> Item:
    """Without the element at a known position, by default the last one."""
    elements = _sequence(ctx)
    place = _place(ctx, 1, len(elements)) if ctx.has(1) else len(elements) - 1
    return TensorSequence((*elements[:place], *elements[place + 1 :]))


def length(ctx: NodeContext) -> Value:
    """The number of elements as an i64 scalar."""
    return ctx.scalar(len(_sequence(ctx)), DType.I64)


def concat_from_sequence(ctx: NodeContext) -> Value:
    """The elements joined along an axis, or along a new one."""
    elements, axis = _tensors(ctx), ctx.int("axis")
    if ctx.int("new_axis", 0):
        return stacked(ctx, elements, axis)
    return joined(ctx, elements, axis)


def stacked(ctx: NodeContext, elements: Sequence[Value], axis: int) -> Value:
    """The elements joined along a new axis, which may count from the end of the result's."""
    place = normalize_axis(axis, elements[0].type.rank + 1)
    rows: list[Value] = []
    for element in elements:
        shape = element.type.shape
        rows.append(ctx.reshape(element, (*shape[:place], 1, *shape[place:])))
    return joined(ctx, rows, place)


def split_to_sequence(ctx: NodeContext) -> Item:
    """Parts along an axis: of the given sizes, of one given size, or single slices."""
    x = ctx.input(0)
    axis = normalize_axis(ctx.int("axis", 0), x.type.rank)
    total = x.type.shape[axis]
    if not ctx.has(1):
        parts = split_along(ctx, x, axis, [1] * total)
        if not ctx.int("keepdims", 1):
            shape = (*x.type.shape[:axis], *x.type.shape[axis + 1 :])
            parts = [ctx.reshape(part, shape) for part in parts]
        return TensorSequence(tuple(parts))
    sizes = np.asarray(ctx.require_constant(1, "the list of sizes"))
    if sizes.ndim == 1:
        return TensorSequence(tuple(split_along(ctx, x, axis, [int(s) for s in sizes])))
    size = int(sizes)
    chunks = [min(size, total - offset) for offset in range(0, total, size)]
    return TensorSequence(tuple(split_along(ctx, x, axis, chunks)))


def optional(ctx: NodeContext) -> Item:
    """An optional of the input, or an empty one."""
    return OptionalItem(ctx.items[0] if ctx.items else None)


def _element(ctx: NodeContext) -> Item:
    item = ctx.items[0] if ctx.items else None
    return item.element if isinstance(item, OptionalItem) else item


def optional_has_element(ctx: NodeContext) -> Value:
    """Whether the optional holds something: known at import."""
    return ctx.scalar(_element(ctx) is not None, DType.BOOL)


def optional_get_element(ctx: NodeContext) -> Item:
    """What the optional holds."""
    element = _element(ctx)
    if element is None:
        raise Unsupported("it takes the element of an empty optional")
    return element


CONVERTERS: dict[str, Converter] = {
    "ConcatFromSequence": concat_from_sequence,
    "Optional": optional,
    "OptionalGetElement": optional_get_element,
    "OptionalHasElement": optional_has_element,
    "SequenceAt": at,
    "SequenceConstruct": construct,
    "SequenceEmpty": empty,
    "SequenceErase": erase,
    "SequenceInsert": insert,
    "SequenceLength": length,
    "SplitToSequence": split_to_sequence,
}
