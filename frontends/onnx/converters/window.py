"""Sliding windows as ONNX states them: kernel, strides, dilations and padding, resolved to plain numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from compiler.ir import Shape
from frontends.onnx.context import MalformedModel, NodeContext, Unsupported


@dataclass(frozen=True)
class Window:
    """One entry per spatial axis. ``low`` and ``high`` are the padding before and after the data."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]

    @property
    def extents(self) -> tuple[int, ...]:
        """Elements that a window spans, gaps of the dilation included."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    def rounded_up(self, sizes: Shape) -> Window:
        """In ceil mode: ``high`` enlarged for a last partial window that starts inside the data."""
        high: list[int] = []
        for size, extent, stride, low, old in zip(sizes, self.extents, self.strides, self.low, self.high, strict=True):
            count = -(-(size + low + old - extent) // stride) + 1
            if (count - 1) * stride >= size + low:
                count -= 1
            high.append(max(0, (count - 1) * stride + extent - size - low))
        return replace(self, high=tuple(high))


def read_window(ctx: NodeContext, sizes: Shape, kernel: Shape) -> Window:
    """The window over spatial ``sizes`` that the attributes strides, dilations, pads and auto_pad describe.

    Raises MalformedModel if an attribute has another number of entries.
    """
    rank = len(sizes)
    strides = _entries(ctx, "strides", rank, 1)
    dilations = _entries(ctx, "dilations", rank, 1)
    window = Window(kernel, strides, dilations, (0,) * rank, (0,) * rank)
    mode = ctx.string("auto_pad", "NOTSET")
    if mode == "VALID":
        return window
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        totals = [
            max(0, (-(-size // stride) - 1) * stride + extent - size)
            for size, stride, extent in zip(sizes, strides, window.extents, strict=True)
        ]
        smaller, larger = tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
        low, high = (smaller, larger) if mode == "SAME_UPPER" else (larger, smaller)
        return replace(window, low=low, high=high)
    if mode != "NOTSET":
        raise Unsupported(f"unknown auto_pad {mode!r}")
    pads = _entries(ctx, "pads", 2 * rank, 0)
    return replace(window, low=pads[:rank], high=pads[rank:])


def kernel_shape(ctx: NodeContext, spatial_rank: int) -> Shape:
    """The required attribute kernel_shape of a pooling operator."""
    kernel = ctx.ints("kernel_shape")
    if len(kernel) != spatial_rank:
        raise MalformedModel(f"{ctx.op_type} {ctx.name!r}: kernel_shape needs {spatial_rank} entries")
    return kernel


def _entries(ctx: NodeContext, name: str, count: int, default: int) -> tuple[int, ...]:
    entries = ctx.ints(name, (default,) * count)
    if len(entries) != count:
        raise MalformedModel(f"{ctx.op_type} {ctx.name!r}: {name} needs {count} entries, has {len(entries)}")
    return entries
