"""``If``, ``Loop`` and ``Scan``: known choices are taken, loops of a known length are written out.

A choice that depends on data computes both branches and selects; that is sound, since every op is pure and
none traps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from onnx import GraphProto

from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.ops.binary import Select
from compiler.ir.ops.broadcasting import normalize_axis
from compiler.ir.types import TensorType
from frontends.onnx.context import Converter, Item, MalformedModel, NodeContext, Unsupported
from frontends.onnx.converters.sequences import stacked
from frontends.onnx.converters.slicing import sliced
from frontends.onnx.errors import Blocked
from frontends.onnx.known_values import UnknownValue
from frontends.onnx.types import dtype_of, static_shape

UNROLLING_LIMIT: Final = 20_000
"""The most IR ops that one loop may become."""


def if_(ctx: NodeContext) -> list[Item]:
    """The outputs of the branch that the condition names."""
    condition = ctx.constant(0)
    if condition is not None:
        return ctx.inline(ctx.graph("then_branch" if condition.item() else "else_branch"), (), "")
    branches = [ctx.inline(ctx.graph(f"{name}_branch"), (), name) for name in ("then", "else")]
    return [_choice(ctx, index, *pair) for index, pair in enumerate(zip(*branches, strict=True))]


def _choice(ctx: NodeContext, index: int, a: Item, b: Item) -> Item:
    if not isinstance(a, Value) or not isinstance(b, Value) or a.type != b.type:
        shown = " and ".join(str(item.type) if isinstance(item, Value) else "no tensor" for item in (a, b))
        raise Unsupported(
            f"the condition depends on data and the branches give output {index} different types, {shown}",
            " ".join(f"--bind {name}=VALUE" for name in ctx.known.unknown_inputs(ctx.input(0))),
        )
    return ctx.emit(Select(), ctx.reshape(ctx.input(0), ()), a, b)


def loop(ctx: NodeContext) -> list[Item]:
    """The body repeated while its condition is known to hold, at most as often as the trip count says."""
    limit = int(ctx.require_constant(0, "the number of iterations").item()) if ctx.has(0) else None
    going = bool(ctx.require_constant(1, "the condition to start").item()) if ctx.has(1) else True
    body = ctx.graph("body")
    carried: list[Item] = list(ctx.items[2:])
    rows: list[list[Item]] = []
    unrolling = _Unrolling(ctx, limit)
    while going and (limit is None or len(rows) < limit):
        step = len(rows)
        arguments = [ctx.scalar(step, DType.I64), ctx.scalar(True, DType.BOOL), *carried]
        condition, *results = ctx.inline(body, arguments, str(step))
        carried = results[: len(carried)]
        rows.append(results[len(carried) :])
        unrolling.check(len(rows))
        going = _holds(ctx, condition)
    first = 1 + len(carried)
    return [*carried, *_scan_outputs(ctx, body, first, rows, [0] * (len(body.output) - first), ())]


def _holds(ctx: NodeContext, condition: Item) -> bool:
    if not isinstance(condition, Value):
        raise MalformedModel(f"Loop {ctx.name!r}: the body's condition is no tensor")
    known = ctx.known.of(condition)
    if known is None:
        raise UnknownValue("the number of iterations", ctx.known.unknown_inputs(condition))
    return bool(known.item())


def scan(ctx: NodeContext) -> list[Item]:
    """The body applied to the slices of some inputs in turn, its results stacked."""
    if ctx.opset < 9:
        raise Unsupported("Scan of opset 8, with its batch axis, is not supported; convert the model to opset 9")
    body, count = ctx.graph("body"), ctx.int("num_scan_inputs")
    states: list[Item] = list(ctx.items[: len(ctx.items) - count])
    sources = [ctx.input(len(states) + index) for index in range(count)]
    outputs = len(body.output) - len(states)
    axes = [
        normalize_axis(axis, source.type.rank)
        for axis, source in zip(ctx.ints("scan_input_axes", [0] * count), sources, strict=True)
    ]
    backward = ctx.ints("scan_input_directions", [0] * count)
    (length,) = {source.type.shape[axis] for source, axis in zip(sources, axes, strict=True)}
    rows: list[list[Item]] = []
    unrolling = _Unrolling(ctx, length)
    for step in range(length):
        slices = [
            _row(ctx, source, axis, length - 1 - step if reverse else step)
            for source, axis, reverse in zip(sources, axes, backward, strict=True)
        ]
        results = ctx.inline(body, [*states, *slices], str(step))
        states = results[: len(states)]
        rows.append(results[len(states) :])
        unrolling.check(len(rows))
    directions = ctx.ints("scan_output_directions", [0] * outputs)
    stacking = list(ctx.ints("scan_output_axes", [0] * outputs))
    return [*states, *_scan_outputs(ctx, body, len(states), rows, stacking, directions)]


def _row(ctx: NodeContext, source: Value, axis: int, index: int) -> Value:
    """Slice number ``index`` along ``axis``, without the axis."""
    start, size = [0] * source.type.rank, list(source.type.shape)
    start[axis], size[axis] = index, 1
    row = sliced(ctx, source, start, size, [1] * source.type.rank)
    return ctx.reshape(row, (*source.type.shape[:axis], *source.type.shape[axis + 1 :]))


def _scan_outputs(
    ctx: NodeContext,
    body: GraphProto,
    first: int,
    rows: Sequence[Sequence[Item]],
    axes: Sequence[int],
    backward: Sequence[int],
) -> list[Item]:
    """What each iteration gave, stacked: one output per entry of ``axes``; the body names them from ``first``
    on."""
    outputs: list[Item] = []
    for index, axis in enumerate(axes):
        if not rows:
            outputs.append(_no_rows(ctx, body, first + index, axis))
            continue
        elements = [row[index] for row in rows]
        tensors = [item for item in elements if isinstance(item, Value)]
        if len(tensors) != len(elements) or len({item.type for item in tensors}) != 1:
            raise Unsupported(f"the iterations give output {first + index} different types")
        ordered = tensors[::-1] if backward and backward[index] else tensors
        outputs.append(stacked(ctx, ordered, axis))
    return outputs


def _no_rows(ctx: NodeContext, body: GraphProto, output: int, axis: int) -> Value:
    """The stack of no iterations, whose type only the body's declaration can tell."""
    declared = body.output[output].type.tensor_type
    shape = static_shape(declared)
    if shape is None:
        raise Unsupported(f"it has no iterations, and output {output} of its body has no declared shape")
    place = normalize_axis(axis, len(shape) + 1)
    return ctx.zeros(TensorType(dtype_of(declared.elem_type), (*shape[:place], 0, *shape[place:])))


class _Unrolling:
    """Ends the unrolling of a loop that becomes too long, as early as its first iterations show it, or whose body
    cannot be compiled, so that its problems are reported once."""

    def __init__(self, ctx: NodeContext, iterations: int | None) -> None:
        self._ctx = ctx
        self._iterations = iterations
        self._before = len(ctx.rw.graph)
        self._problems = ctx.problems()

    def check(self, done: int) -> None:
        """After ``done`` iterations: Unsupported if all of them would exceed the limit, Blocked after a problem."""
        if self._ctx.problems() > self._problems:
            raise Blocked
        grown = len(self._ctx.rw.graph) - self._before
        expected = grown if self._iterations is None else grown * max(self._iterations, done) // done
        if expected > UNROLLING_LIMIT:
            raise Unsupported(
                f"written out, its {self._iterations or 'many'} iterations are about {expected} operations;"
                f" the limit is {UNROLLING_LIMIT}"
            )


CONVERTERS: dict[str, Converter] = {"If": if_, "Loop": loop, "Scan": scan}
