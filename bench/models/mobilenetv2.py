"""MobileNetV2 1.0 at 224 x 224 (Sandler et al. 2018, table 2) with seeded weights."""

from __future__ import annotations

import onnx

from bench.models.inverted_residual import Stage, network

STAGES = (
    Stage(expansion=1, channels=16, repeats=1, stride=1),
    Stage(expansion=6, channels=24, repeats=2, stride=2),
    Stage(expansion=6, channels=32, repeats=3, stride=2),
    Stage(expansion=6, channels=64, repeats=4, stride=2),
    Stage(expansion=6, channels=96, repeats=3, stride=1),
    Stage(expansion=6, channels=160, repeats=3, stride=2),
    Stage(expansion=6, channels=320, repeats=1, stride=1),
)


def mobilenetv2(seed: int = 0) -> onnx.ModelProto:
    """`image` f32[1, 3, 224, 224] to `logits` f32[1, 1000]; 3.5 M parameters, 300 M multiply-adds."""
    return network("mobilenetv2", STAGES, seed)
