"""A transformer encoder of the BERT kind (Vaswani et al. 2017, post-norm) with seeded weights.

It starts after the embedding, so that what is measured is the encoder and not a table look-up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from bench.models.builder import NetworkBuilder


@dataclass(frozen=True)
class EncoderShape:
    """What fixes an encoder's arithmetic; the feed-forward layer is four times as wide as the model."""

    layers: int = 4
    width: int = 256
    heads: int = 4
    sequence: int = 128

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")


BERT_BASE = EncoderShape(layers=12, width=768, heads=12, sequence=128)
"""The encoder of BERT-base (Devlin et al. 2019, section 3): 85 M parameters without its embeddings."""


def bert_base(seed: int = 0) -> onnx.ModelProto:
    """An encoder with the arithmetic of BERT-base over 128 tokens."""
    return encoder(BERT_BASE, seed, name="bert_base")


def encoder(shape: EncoderShape | None = None, seed: int = 0, *, name: str = "encoder") -> onnx.ModelProto:
    """Input `embedded` f32[1, sequence, width], output `hidden` of the same shape."""
    shape = shape or EncoderShape()
    net = NetworkBuilder(name, seed)
    x = "embedded"
    for _ in range(shape.layers):
        x = net.layer_norm(net.op("Add", x, attention(net, x, shape)), shape.width)
        x = net.layer_norm(net.op("Add", x, feed_forward(net, x, shape.width)), shape.width)
    net.name_last("hidden")
    dims = (1, shape.sequence, shape.width)
    return net.model({"embedded": dims}, {"hidden": dims})


def attention(net: NetworkBuilder, x: str, shape: EncoderShape) -> str:
    """Multi-head self-attention over f32[1, sequence, width], in the operators that exporters write."""
    depth = shape.width // shape.heads
    split = net.constant(np.array([1, shape.sequence, shape.heads, depth], np.int64), "heads")
    merge = net.constant(np.array([1, shape.sequence, shape.width], np.int64), "merged")

    def projected(perm: list[int]) -> str:
        heads = net.op("Reshape", net.linear(x, shape.width, shape.width), split)
        return net.op("Transpose", heads, perm=perm)

    query, key, value = projected([0, 2, 1, 3]), projected([0, 2, 3, 1]), projected([0, 2, 1, 3])
    scores = net.op("Div", net.op("MatMul", query, key), net.scalar(float(np.sqrt(depth))))
    mixed = net.op("MatMul", net.op("Softmax", scores, axis=-1), value)
    merged = net.op("Reshape", net.op("Transpose", mixed, perm=[0, 2, 1, 3]), merge)
    return net.linear(merged, shape.width, shape.width)


def feed_forward(net: NetworkBuilder, x: str, width: int) -> str:
    """Two dense layers with a GELU between them."""
    return net.linear(net.gelu(net.linear(x, width, 4 * width)), 4 * width, width)
