"""Seeded values for untrained weights that keep activations finite and outputs sensitive to the input.

Plain random weights make a deep ReLU network nearly constant: its activations are positive, so every filter
sees the same large mean whatever the input. Filters that sum to zero see only what differs from that mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Variance of a rectified standard normal variable about its mean: 1/2 - 1/(2 pi).
RECTIFIED_VARIANCE = 0.5 - 0.5 / np.pi


# A depthwise filter has fewer taps than this.
FEW_TAPS = 26


def filters(rng: np.random.Generator, shape: tuple[int, ...], *, depthwise_gain: float = 1.0) -> Floats:
    """Convolution or dense weights, output channels first, that keep the variance of what they are applied
    to.

    The fan-in is the product of all dimensions but the first. Filters of many taps sum to zero and are scaled
    for rectified inputs. A filter of a few taps keeps its mean: without, a chain of them would only detect
    edges; how much it should amplify depends on whether rectified inputs come before and after it, hence
    `depthwise_gain`.
    """
    fan_in = int(np.prod(shape[1:]))
    weight = rng.standard_normal(shape, dtype=np.float32)
    if fan_in < FEW_TAPS:
        return weight * np.float32(depthwise_gain / np.sqrt(fan_in))
    weight -= weight.mean(axis=tuple(range(1, len(shape))), keepdims=True)
    return weight / np.float32(np.sqrt(fan_in * RECTIFIED_VARIANCE))


def around(rng: np.random.Generator, shape: tuple[int, ...], centre: float, spread: float) -> Floats:
    """Values uniform in [centre - spread, centre + spread]: scales and variances stay positive, none is
    equal.
    """
    return rng.uniform(centre - spread, centre + spread, shape).astype(np.float32)
