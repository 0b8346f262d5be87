"""Networks of inverted residuals: stem, stages of expand / depthwise / project blocks, head, classifier.

MobileNetV2 and EfficientNet-Lite are two tables of this. Padding is symmetric as in PyTorch, not TensorFlow's
SAME.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from bench.models.builder import NetworkBuilder

IMAGE = 224
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
CLASSES = 1000


@dataclass(frozen=True)
class Stage:
    """`repeats` blocks of the same width, the first of which has the stride."""

    expansion: int
    channels: int
    repeats: int
    stride: int
    kernel: int = 3


def network(name: str, stages: tuple[Stage, ...], seed: int) -> onnx.ModelProto:
    """Input `image` f32[1, 3, 224, 224], output `logits` f32[1, 1000]."""
    net = NetworkBuilder(name, seed)
    x = _conv_norm_relu6(net, "image", 3, STEM_CHANNELS, kernel=3, stride=2)
    channels = STEM_CHANNELS
    for stage in stages:
        for index in range(stage.repeats):
            x = _block(net, x, channels, stage, stage.stride if index == 0 else 1)
            channels = stage.channels
    x = _conv_norm_relu6(net, x, channels, HEAD_CHANNELS, kernel=1)
    x = net.op("Flatten", net.op("GlobalAveragePool", x), axis=1)
    net.linear(x, HEAD_CHANNELS, CLASSES)
    net.name_last("logits")
    return net.model({"image": (1, 3, IMAGE, IMAGE)}, {"logits": (1, CLASSES)})


def _conv_norm_relu6(
    net: NetworkBuilder, x: str, c_in: int, c_out: int, *, kernel: int, stride: int = 1, groups: int = 1
) -> str:
    conv = net.conv(x, c_in, c_out, kernel, stride=stride, groups=groups)
    return net.relu6(net.batch_norm(conv, c_out))


def _block(net: NetworkBuilder, x: str, c_in: int, stage: Stage, stride: int) -> str:
    hidden = c_in * stage.expansion
    inner = x if stage.expansion == 1 else _conv_norm_relu6(net, x, c_in, hidden, kernel=1)
    inner = _conv_norm_relu6(net, inner, hidden, hidden, kernel=stage.kernel, stride=stride, groups=hidden)
    inner = net.batch_norm(net.conv(inner, hidden, stage.channels, 1), stage.channels)
    return net.op("Add", x, inner) if stride == 1 and c_in == stage.channels else inner
