"""The nodes that random ONNX models are made of: each function asks for one node on a value."""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportOperatorIssue=false
# numpy, hypothesis and onnx.helper take more than their annotations say.

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from tests.differential.onnx_models import Builder, OnnxCase, Tensor

Step = Callable[[Builder, Tensor], None]

ACTIVATIONS: dict[str, dict[str, float]] = {
    **{name: {} for name in ("Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "Exp", "Abs", "Neg", "Sin")},
    **{name: {} for name in ("HardSwish", "Selu", "Mish", "Floor", "Ceil", "Round", "Sign", "Atan", "Reciprocal")},
    **{name: {} for name in ("Gelu", "Identity", "Sqrt", "Log", "Cos", "IsNaN")},
    "LeakyRelu": {"alpha": 0.1},
    "Elu": {"alpha": 0.7},
    "Celu": {"alpha": 0.7},
    "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
    "ThresholdedRelu": {"alpha": 0.2},
    "Shrink": {"bias": 0.1, "lambd": 0.3},
}
BINARY = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Sum", "PRelu", "Pow", "Mod")
COMPARE = ("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual")
REDUCE = ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")


@st.composite
def onnx_cases(draw: st.DrawFn, max_nodes: int = 7) -> OnnxCase:
    """A model of up to ``max_nodes`` nodes, at least one."""
    b = Builder(draw)
    shape = draw(st.sampled_from(((1, 3, 8, 9), (2, 4, 7, 7), (1, 6, 12), (2, 5), (3, 4, 6), (1, 8, 5, 5), (7,))))
    b.input(b.data(*shape))
    for _ in range(b.number(1, max_nodes)):
        shaped = [value for value in b.values if value.array.ndim]
        value = shaped[-1] if b.chance(2) else b.one_of(shaped)
        kind = "f" if value.array.dtype == np.float32 else value.array.dtype.kind
        b.one_of(STEPS if kind == "f" else OTHER_STEPS)(b, value)
    if not b.nodes:
        b.node("Relu", [b.values[0]])
    return b.finish()


def _activation(b: Builder, x: Tensor) -> None:
    name = b.one_of(list(ACTIVATIONS))
    b.node(name, [x], **ACTIVATIONS[name])


def _clip(b: Builder, x: Tensor) -> None:
    b.node("Clip", [x, np.float32(-0.3), np.float32(0.8) if b.chance(2) else None])


def _binary(b: Builder, x: Tensor) -> None:
    shape = [size if b.chance(2) else 1 for size in x.array.shape][b.number(0, x.array.ndim) :]
    other = b.data(*shape) if b.chance(2) else b.input(b.data(*shape))
    name = b.one_of(BINARY)
    operands = [x, other] if b.chance(2) or name == "PRelu" else [other, x]
    b.node(name, operands, fmod=1 if name == "Mod" else None)


def _compare(b: Builder, x: Tensor) -> None:
    b.node(b.one_of(COMPARE), [x, b.data(*x.array.shape)])


def _conv(b: Builder, x: Tensor) -> None:
    spatial = x.array.ndim - 2
    if spatial < 1:
        return
    channels = x.array.shape[1]
    groups = b.one_of([n for n in (1, 1, 2, channels) if channels % n == 0])
    filters = groups * b.one_of((1, 2, 4, 9))
    window = [b.one_of((1, 2, 3)) for _ in range(spatial)]
    bias = b.data(filters) if b.chance(2) else None
    b.node("Conv", [x, b.data(filters, channels // groups, *window), bias], group=groups, **_window(b, spatial))


def _conv_transpose(b: Builder, x: Tensor) -> None:
    spatial = x.array.ndim - 2
    if spatial < 1:
        return
    channels = x.array.shape[1]
    groups = b.one_of([n for n in (1, 1, 2) if channels % n == 0])
    window = [b.one_of((1, 2, 3)) for _ in range(spatial)]
    strides = [b.one_of((1, 2)) for _ in range(spatial)]
    b.node(
        "ConvTranspose",
        [x, b.data(channels, b.one_of((1, 3)), *window)],
        group=groups,
        strides=strides,
        pads=[b.number(0, 1) for _ in range(2 * spatial)],
        output_padding=[b.number(0, stride - 1) for stride in strides],
    )


def _window(b: Builder, spatial: int) -> dict[str, list[int] | str]:
    attributes: dict[str, list[int] | str] = {
        "strides": [b.one_of((1, 1, 2, 3)) for _ in range(spatial)],
        "dilations": [b.one_of((1, 1, 2)) for _ in range(spatial)],
    }
    if b.chance(3):
        # ONNX Runtime computes automatic pads of dilated pools otherwise than the specification says.
        attributes["dilations"] = [1] * spatial
        return attributes | {"auto_pad": b.one_of(("SAME_UPPER", "SAME_LOWER", "VALID"))}
    return attributes | {"pads": [b.number(0, 2) for _ in range(2 * spatial)]}


def _pool(b: Builder, x: Tensor) -> None:
    spatial = x.array.ndim - 2
    if spatial < 1:
        return
    window = [b.number(1, 4) for _ in range(spatial)]
    ceil = b.number(0, 1)
    if b.chance(2):
        b.node("MaxPool", [x], kernel_shape=window, ceil_mode=ceil, **_window(b, spatial))
    else:
        include = b.number(0, 1)
        b.node(
            "AveragePool", [x], kernel_shape=window, ceil_mode=ceil, count_include_pad=include, **_window(b, spatial)
        )


def _global_pool(b: Builder, x: Tensor) -> None:
    b.node(b.one_of(("GlobalAveragePool", "GlobalMaxPool")), [x])


def _normalization(b: Builder, x: Tensor) -> None:
    channels = x.array.shape[1] if x.array.ndim > 1 else 1
    scale, shift = b.data(channels, low=0.5), b.data(channels)
    kind = b.number(0, 4)
    if kind == 0:
        b.node("BatchNormalization", [x, scale, shift, b.data(channels), b.data(channels, low=0.3, high=2)])
    elif kind == 1:
        b.node("InstanceNormalization", [x, scale, shift])
    elif kind == 2:
        axis = b.number(-x.array.ndim, -1)
        rest = x.array.shape[axis:]
        b.node("LayerNormalization", [x, b.data(*rest), b.data(*rest) if b.chance(2) else None], axis=axis)
    elif kind == 3:
        b.node("LRN", [x], size=b.one_of((1, 3, 5)))
    else:
        b.node("LpNormalization", [x], axis=b.number(0, x.array.ndim - 1), p=b.number(1, 2))


def _softmax(b: Builder, x: Tensor) -> None:
    axis = b.number(-x.array.ndim, x.array.ndim - 1)
    b.node(b.one_of(("Softmax", "LogSoftmax", "Hardmax")), [x], axis=axis)


def _reduce(b: Builder, x: Tensor) -> None:
    axes = [axis for axis in range(x.array.ndim) if b.chance(2)]
    given = np.array(axes, np.int64) if axes else None
    b.node(f"Reduce{b.one_of(REDUCE)}", [x, given], keepdims=b.number(0, 1))


def _arg(b: Builder, x: Tensor) -> None:
    axis = b.number(0, x.array.ndim - 1)
    b.node(b.one_of(("ArgMax", "ArgMin")), [x], axis=axis, keepdims=b.number(0, 1), select_last_index=b.number(0, 1))


def _top_k(b: Builder, x: Tensor) -> None:
    axis = b.number(0, x.array.ndim - 1)
    k = np.array([b.number(1, x.array.shape[axis])], np.int64)
    b.node("TopK", [x, k], outputs=2, axis=axis, largest=b.number(0, 1))


def _matmul(b: Builder, x: Tensor) -> None:
    k, n = x.array.shape[-1], b.one_of((1, 3, 8, 17))
    b.node("MatMul", [x, b.data(k, n) if b.chance(2) else b.input(b.data(k, n))])


def _gemm(b: Builder, x: Tensor) -> None:
    if x.array.ndim != 2:
        return
    turned_a, turned_b, n = b.number(0, 1), b.number(0, 1), b.one_of((1, 4, 19))
    k = x.array.shape[0 if turned_a else 1]
    bias = b.one_of((None, b.data(n), b.data(1)))
    weights = b.data(n, k) if turned_b else b.data(k, n)
    b.node("Gemm", [x, weights, bias], alpha=0.7, beta=1.3, transA=turned_a, transB=turned_b)


def _transpose(b: Builder, x: Tensor) -> None:
    b.node("Transpose", [x], perm=list(b.draw(st.permutations(range(x.array.ndim)))))


def _reshape(b: Builder, x: Tensor) -> None:
    kind = b.number(0, 3)
    if kind == 0:
        b.node("Flatten", [x], axis=b.number(0, x.array.ndim))
    elif kind == 1:
        b.node("Unsqueeze", [x, np.array([b.number(0, x.array.ndim)], np.int64)])
    elif kind == 2:
        b.node("Squeeze", [x])
    else:
        b.node("Reshape", [x, np.array(b.one_of(([-1], [0, -1], [1, -1, 2], [-1, 3])), np.int64)])


def _slice(b: Builder, x: Tensor) -> None:
    axis = b.number(0, x.array.ndim - 1)
    start, end, step = b.number(-4, 4), b.one_of((-1, 3, 100, -100)), b.one_of((1, 2, -1))
    b.node("Slice", [x, *(np.array([n], np.int64) for n in (start, end, axis, step))])


def _pad(b: Builder, x: Tensor) -> None:
    pads = np.array([b.number(-1, 2) for _ in range(2 * x.array.ndim)], np.int64)
    mode = b.one_of(("constant", "edge", "reflect", "wrap"))
    b.node("Pad", [x, pads if mode == "constant" else np.abs(pads)], mode=mode)


def _concat(b: Builder, x: Tensor) -> None:
    axis = b.number(0, x.array.ndim - 1)
    alike = [v for v in b.values if v.array.shape == x.array.shape and v.array.dtype == x.array.dtype]
    b.node("Concat", [x, b.one_of(alike), *([b.data(*x.array.shape)] if b.chance(2) else [])], axis=axis)


def _split(b: Builder, x: Tensor) -> None:
    axis = b.number(0, x.array.ndim - 1)
    first = b.number(1, x.array.shape[axis])
    b.node("Split", [x, np.array([first, x.array.shape[axis] - first], np.int64)], outputs=2, axis=axis)


def _tile(b: Builder, x: Tensor) -> None:
    b.node("Tile", [x, np.array([b.one_of((1, 1, 2, 3)) for _ in x.array.shape], np.int64)])


def _expand(b: Builder, x: Tensor) -> None:
    b.node("Expand", [x, np.array([b.one_of((1, 2)), *x.array.shape], np.int64)])


def _gather(b: Builder, x: Tensor) -> None:
    axis = b.number(0, x.array.ndim - 1)
    size = x.array.shape[axis]
    generator = np.random.default_rng(b.number(0, 999))
    kind = b.number(0, 2)
    if kind == 0:
        indices = generator.integers(-size, size, b.one_of(((), (3,), (2, 2))))
        b.node("Gather", [x, indices if b.chance(2) else b.input(np.asarray(indices))], axis=axis)
    elif kind == 1:
        b.node("GatherElements", [x, generator.integers(-size, size, x.array.shape)], axis=axis)
    else:
        indices = generator.integers(0, min(x.array.shape), (3, b.number(1, x.array.ndim)))
        b.node("GatherND", [x, b.input(indices)])


def _scatter(b: Builder, x: Tensor) -> None:
    axis = b.number(0, x.array.ndim - 1)
    generator = np.random.default_rng(b.number(0, 999))
    shape = [*x.array.shape]
    shape[axis] = b.number(1, shape[axis])
    distinct = generator.permuted(
        np.broadcast_to(np.arange(x.array.shape[axis]), (*shape[:axis], *shape[axis + 1 :], x.array.shape[axis])),
        axis=-1,
    )
    indices = np.moveaxis(distinct, -1, axis)[tuple(slice(0, size) for size in shape)].astype(np.int64)
    b.node("ScatterElements", [x, indices, b.data(*shape)], axis=axis, reduction=b.one_of(("none", "add", "max")))


def _resize(b: Builder, x: Tensor) -> None:
    if x.array.ndim < 3:
        return
    scales = np.array([1, 1, *(b.one_of((0.5, 0.7, 1, 1.6, 2, 3)) for _ in x.array.shape[2:])], np.float32)
    mode = b.one_of(("nearest", "linear", "cubic"))
    where = b.one_of(("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"))
    rounding = b.one_of(("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")) if mode == "nearest" else None
    b.node("Resize", [x, None, scales], mode=mode, coordinate_transformation_mode=where, nearest_mode=rounding)


def _blocks(b: Builder, x: Tensor) -> None:
    if b.chance(2):
        b.node("DepthToSpace", [x], blocksize=2, mode=b.one_of(("DCR", "CRD")))
    else:
        b.node("SpaceToDepth", [x], blocksize=b.one_of((1, 3, 7)))


def _cumulative(b: Builder, x: Tensor) -> None:
    axis = np.array(b.number(0, x.array.ndim - 1), np.int64)
    b.node("CumSum", [x, axis], exclusive=b.number(0, 1), reverse=b.number(0, 1))


def _where(b: Builder, x: Tensor) -> None:
    flags = np.random.default_rng(b.number(0, 999)).integers(0, 2, x.array.shape).astype(np.bool_)
    b.node("Where", [b.input(flags) if b.chance(2) else flags, x, b.data(*x.array.shape[-1:])])


def _quantize(b: Builder, x: Tensor) -> None:
    kind = b.one_of((np.int8, np.uint8))
    scale, zero = np.float32(0.05), kind(b.number(0, 20))
    before = len(b.values)
    b.node("QuantizeLinear", [x, np.asarray(scale), np.asarray(zero)])
    if len(b.values) > before:
        b.node("DequantizeLinear", [b.values[-1], np.asarray(scale), np.asarray(zero)])


def _recurrent(b: Builder, x: Tensor) -> None:
    if x.array.ndim != 3 or x.array.shape[0] > 6:
        return
    name, gates = b.one_of((("LSTM", 4), ("GRU", 3), ("RNN", 1)))
    hidden, directions = b.one_of((2, 5)), b.one_of((1, 2))
    size = gates * hidden
    weights = [b.data(directions, size, n, low=-0.5, high=0.5) for n in (x.array.shape[2], hidden, 0)][:2]
    direction = "bidirectional" if directions == 2 else b.one_of(("forward", "reverse"))
    b.node(name, [x, *weights, b.data(directions, 2 * size)], hidden_size=hidden, direction=direction)


def _triangle(b: Builder, x: Tensor) -> None:
    b.node("Trilu", [x, np.array(b.number(-1, 1), np.int64)], upper=b.number(0, 1))


def _einsum(b: Builder, x: Tensor) -> None:
    if x.array.ndim == 2:
        b.node("Einsum", [x, b.data(x.array.shape[1], 5)], equation=b.one_of(("ij,jk->ik", "ij,jk->ki", "ij,jk->k")))
    elif x.array.ndim == 3:
        b.node("Einsum", [x, x], equation=b.one_of(("bij,bkj->bik", "bij,bij->b", "bij,bij->ij")))


def _cast(b: Builder, x: Tensor) -> None:
    b.node("Cast", [x], to=b.one_of((1, 1, 6, 7, 9, 10, 11, 3)))


def _logic(b: Builder, x: Tensor) -> None:
    if x.array.dtype == np.bool_:
        b.node("Not", [x])
    else:
        b.node(b.one_of(("Add", "Mul", "Sub", "Max", "Min")), [x, np.asarray(2, x.array.dtype)])


STEPS: tuple[Step, ...] = (
    *(_activation, _activation, _activation, _clip, _binary, _binary, _compare),
    *(_conv, _conv, _conv, _conv_transpose, _pool, _pool, _global_pool, _normalization, _normalization, _softmax),
    *(_reduce, _reduce, _arg, _top_k, _matmul, _gemm, _transpose, _reshape, _reshape, _slice, _pad, _concat, _split),
    *(_tile, _expand, _gather, _scatter, _resize, _blocks, _cumulative, _where, _quantize, _recurrent, _triangle),
    *(_einsum, _cast),
)
OTHER_STEPS: tuple[Step, ...] = (_cast, _cast, _logic, _transpose, _reshape, _slice, _concat, _gather)
"""For values that are not float32."""
