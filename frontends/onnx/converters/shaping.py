"""Operators that give the same elements another shape, or tell a shape. None of them computes."""

from __future__ import annotations

import math

from compiler.ir.graph import Value
from compiler.ir.ops.broadcasting import broadcast_shapes
from compiler.ir.ops.movement import ShapeOf, Tile
from compiler.ir.ops.reduction import ReduceProd
from compiler.ir.types import Shape
from frontends.onnx.context import Converter, Item, MalformedModel, NodeContext
from frontends.onnx.converters.parameters import constant_ints, normalized_axes
from frontends.onnx.converters.slicing import sliced


def identity(ctx: NodeContext) -> Item:
    """The input itself, of whatever kind."""
    return ctx.items[0]


def reshape(ctx: NodeContext) -> Value:
    """The elements in order under a known shape; -1 stands for what is left, 0 for the input's dimension."""
    x = ctx.input(0)
    target = list(constant_ints(ctx, 1, "the shape"))
    if not ctx.int("allowzero", 0):
        if any(size == 0 and axis >= x.type.rank for axis, size in enumerate(target)):
            raise MalformedModel(f"Reshape {ctx.name!r} copies a dimension that its input lacks: {target}")
        target = [x.type.shape[axis] if size == 0 else size for axis, size in enumerate(target)]
    if -1 in target:
        stated = math.prod(size for size in target if size != -1)
        target[target.index(-1)] = x.type.elements // max(stated, 1)
    return ctx.reshape(x, tuple(target))


def flatten(ctx: NodeContext) -> Value:
    """Two axes: the product of the dimensions before ``axis``, and of the others."""
    x = ctx.input(0)
    axis = ctx.int("axis", 1)
    axis += x.type.rank if axis < 0 else 0
    return ctx.reshape(x, (math.prod(x.type.shape[:axis]), math.prod(x.type.shape[axis:])))


def _axes(ctx: NodeContext) -> tuple[int, ...] | None:
    """The axes of Squeeze and Unsqueeze: an attribute up to opset 12, then an input."""
    if ctx.opset >= 13:
        return constant_ints(ctx, 1, "the list of axes") if ctx.has(1) else None
    return ctx.ints("axes") if ctx.has_attribute("axes") else None


def squeeze(ctx: NodeContext) -> Value:
    """Without the given axes of size 1, or without all of them."""
    x, axes = ctx.input(0), _axes(ctx)
    if axes is None:
        dropped = tuple(axis for axis, size in enumerate(x.type.shape) if size == 1)
    else:
        dropped = normalized_axes(axes, x.type.rank)
    shape = tuple(size for axis, size in enumerate(x.type.shape) if axis not in dropped)
    return ctx.reshape(x, shape)


def unsqueeze(ctx: NodeContext) -> Value:
    """With axes of size 1 at the given places of the result."""
    x, axes = ctx.input(0), _axes(ctx) or ()
    rank = x.type.rank + len(axes)
    inserted = normalized_axes(axes, rank)
    sizes = iter(x.type.shape)
    shape = tuple(1 if axis in inserted else next(sizes) for axis in range(rank))
    return ctx.reshape(x, shape)


def expand(ctx: NodeContext) -> Value:
    """Broadcast to what the input's shape and the given one have in common."""
    x = ctx.input(0)
    return ctx.broadcast(x, broadcast_shapes(x.type.shape, constant_ints(ctx, 1, "the shape")))


def tile(ctx: NodeContext) -> Value:
    """The input repeated along each axis."""
    return ctx.emit(Tile(constant_ints(ctx, 1, "the number of repeats")), ctx.input(0))


def transpose(ctx: NodeContext) -> Value:
    """The axes in the order ``perm``, by default reversed."""
    x = ctx.input(0)
    return ctx.transpose(x, ctx.ints("perm", tuple(reversed(range(x.type.rank)))))


def shape_of(ctx: NodeContext) -> Value:
    """The shape as i64, or the part of it from ``start`` to ``end`` (opset 15)."""
    x = ctx.input(0)
    start, end, _ = slice(ctx.int("start", 0), ctx.int("end", x.type.rank)).indices(x.type.rank)
    shape = ctx.emit(ShapeOf(), x)
    return sliced(ctx, shape, (start,), (max(end - start, 0),), (1,))


def size(ctx: NodeContext) -> Value:
    """The number of elements as an i64 scalar."""
    return ctx.emit(ReduceProd((0,), keep=False), ctx.emit(ShapeOf(), ctx.input(0)))


def depth_to_space(ctx: NodeContext) -> Value:
    """Blocks of channels laid out as blocks of ``blocksize`` x ``blocksize`` pixels."""
    x, block = ctx.input(0), ctx.int("blocksize")
    n, c, h, w = _image_shape(ctx, x)
    depth = c // (block * block)
    if ctx.string("mode", "DCR") == "DCR":
        split, order = (n, block, block, depth, h, w), (0, 3, 4, 1, 5, 2)
    else:
        split, order = (n, depth, block, block, h, w), (0, 1, 4, 2, 5, 3)
    return ctx.reshape(ctx.transpose(ctx.reshape(x, split), order), (n, depth, h * block, w * block))


def space_to_depth(ctx: NodeContext) -> Value:
    """Blocks of ``blocksize`` x ``blocksize`` pixels stacked as channels, before or (mode CRD) behind the old
    ones."""
    x, block = ctx.input(0), ctx.int("blocksize")
    n, c, h, w = _image_shape(ctx, x)
    split = ctx.reshape(x, (n, c, h // block, block, w // block, block))
    dcr = ctx.string("mode", "DCR") == "DCR"
    stacked = ctx.transpose(split, (0, 3, 5, 1, 2, 4) if dcr else (0, 1, 3, 5, 2, 4))
    return ctx.reshape(stacked, (n, c * block * block, h // block, w // block))


def _image_shape(ctx: NodeContext, x: Value) -> Shape:
    if x.type.rank != 4:
        raise MalformedModel(f"{ctx.op_type} {ctx.name!r} takes four axes, not {x.type.rank}")
    return x.type.shape


CONVERTERS: dict[str, Converter] = {
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Flatten": flatten,
    "Identity": identity,
    "Reshape": reshape,
    "Shape": shape_of,
    "Size": size,
    "SpaceToDepth": space_to_depth,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
