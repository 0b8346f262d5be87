"""EfficientNet-Lite0 at 224 x 224 with seeded weights.

Tan and Le 2019, table 1, with the changes of the Lite variant: ReLU6, no squeeze-and-excite.
"""

from __future__ import annotations

import onnx

from bench.models.inverted_residual import Stage, network

STAGES = (
    Stage(expansion=1, channels=16, repeats=1, stride=1),
    Stage(expansion=6, channels=24, repeats=2, stride=2),
    Stage(expansion=6, channels=40, repeats=2, stride=2, kernel=5),
    Stage(expansion=6, channels=80, repeats=3, stride=2),
    Stage(expansion=6, channels=112, repeats=3, stride=1, kernel=5),
    Stage(expansion=6, channels=192, repeats=4, stride=2, kernel=5),
    Stage(expansion=6, channels=320, repeats=1, stride=1),
)


def efficientnet_lite0(seed: int = 0) -> onnx.ModelProto:
    """`image` f32[1, 3, 224, 224] to `logits` f32[1, 1000]; 4.7 M parameters, 390 M multiply-adds."""
    return network("efficientnet_lite0", STAGES, seed)
