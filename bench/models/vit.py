"""ViT-Tiny/16 at 224 x 224 (Touvron et al. 2021, table 1: DeiT-Ti) with seeded weights."""

from __future__ import annotations

import numpy as np
import onnx

from bench.models.builder import NetworkBuilder
from bench.models.encoder import EncoderShape, attention, feed_forward

IMAGE = 224
PATCH = 16
PATCHES = (IMAGE // PATCH) ** 2
CLASSES = 1000
SHAPE = EncoderShape(layers=12, width=192, heads=3, sequence=PATCHES + 1)  # one token more for the class


def vit_tiny(seed: int = 0) -> onnx.ModelProto:
    """Input `image` f32[1, 3, 224, 224], output `logits` f32[1, 1000]; 5.7 M parameters, pre-norm blocks."""
    net = NetworkBuilder("vit_tiny", seed)
    x = _tokens(net)
    for _ in range(SHAPE.layers):
        x = net.op("Add", x, attention(net, net.layer_norm(x, SHAPE.width), SHAPE))
        x = net.op("Add", x, feed_forward(net, net.layer_norm(x, SHAPE.width), SHAPE.width))
    first = net.constant(np.array(0, np.int64), "class_position")
    token = net.op("Gather", net.layer_norm(x, SHAPE.width), first, axis=1)
    net.linear(token, SHAPE.width, CLASSES)
    net.name_last("logits")
    return net.model({"image": (1, 3, IMAGE, IMAGE)}, {"logits": (1, CLASSES)})


def _tokens(net: NetworkBuilder) -> str:
    """The image cut into patches, each projected to a token, the class token in front: f32[1, 197, 192]."""
    patches = net.patches("image", 3, SHAPE.width, PATCH)
    flat = net.op("Reshape", patches, net.constant(np.array([1, SHAPE.width, PATCHES], np.int64), "flat"))
    tokens = net.op("Transpose", flat, perm=[0, 2, 1])
    class_token = net.rng.standard_normal((1, 1, SHAPE.width), dtype=np.float32)
    positions = net.rng.standard_normal((1, SHAPE.sequence, SHAPE.width), dtype=np.float32)
    tokens = net.op("Concat", net.constant(class_token, "class_token"), tokens, axis=1)
    return net.op("Add", tokens, net.constant(positions * np.float32(0.5), "positions"))
