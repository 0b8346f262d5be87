"""ResNet-50 (He et al. 2015) with seeded weights: the workload of the demo and of the CNN suite.

Source of the architecture: the light ResNet-50 inside the `onnx` package, 224 x 224, batch 1, softmax at the
end.
"""

from __future__ import annotations

import onnx

from bench.models.light import randomize_light_model


def resnet50(seed: int = 0) -> onnx.ModelProto:
    """Input `gpu_0/data_0` f32[1, 3, 224, 224], output `gpu_0/softmax_1` f32[1, 1000]; 25.6 M parameters."""
    return randomize_light_model("resnet50", seed)
