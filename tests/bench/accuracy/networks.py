"""Small networks whose 3x3 convolutions are large enough for Winograd's algorithm to be chosen."""

from __future__ import annotations

import onnx

from bench.models.builder import NetworkBuilder

CHANNELS = 64
SIZE = 28


def convolutions(depth: int = 2) -> onnx.ModelProto:
    """`depth` times a 3x3 convolution of 64 channels and a ReLU, the last of which is added to the first's result."""
    net = NetworkBuilder("convolutions", 0)
    first = last = net.op("Relu", net.conv("x", CHANNELS, CHANNELS, 3))
    for _ in range(depth - 1):
        last = net.op("Relu", net.conv(last, CHANNELS, CHANNELS, 3))
    net.op("Add", first, last)
    net.name_last("y")
    shape = (1, CHANNELS, SIZE, SIZE)
    return net.model({"x": shape}, {"y": shape})
