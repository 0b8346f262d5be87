"""Constants in their physical layout: the only place that moves elements for a blocked ``Layout``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compiler.ir import Layout, Shape

Array = NDArray[np.generic]


def pack(array: Array, layout: Layout) -> Array:
    """The stored form of a logical array: shape ``layout.physical_shape(array.shape)``, padding lanes
    zero."""
    packed = array
    for axis, size in layout.blocks:
        widths = [(0, 0)] * packed.ndim
        widths[axis] = (0, -packed.shape[axis] % size)
        padded = np.pad(packed, widths) if widths[axis][1] else packed
        outer = padded.shape[axis] // size
        split = padded.reshape(*padded.shape[:axis], outer, size, *padded.shape[axis + 1 :])
        packed = np.moveaxis(split, axis + 1, -1)
    return np.ascontiguousarray(packed).reshape(layout.physical_shape(array.shape))


def unpack(array: Array, layout: Layout, shape: Shape) -> Array:
    """The logical array of ``shape`` that ``array``, of the physical shape, stores."""
    unpacked = array
    for axis, size in reversed(layout.blocks):
        joined = np.moveaxis(unpacked, -1, axis + 1)
        unpacked = joined.reshape(*joined.shape[:axis], joined.shape[axis] * size, *joined.shape[axis + 2 :])
    return np.ascontiguousarray(unpacked[tuple(slice(0, size) for size in shape)]).reshape(shape)
