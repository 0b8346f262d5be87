"""The suites of the benchmark: which models each measures, and how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from bench.models.forests import FORESTS
from bench.models.light import LIGHT_MODELS
from bench.models.zoo import ZOO_MODELS


class Kind(Enum):
    """What a suite measures of its models."""

    LATENCY = auto()
    KERNELS = auto()
    FOOTPRINT = auto()
    ACCURACY = auto()
    FORESTS = auto()


@dataclass(frozen=True)
class Suite:
    """A named set of catalog models and what is measured of them."""

    name: str
    kind: Kind
    models: tuple[str, ...]
    about: str


_LIGHT = tuple(f"light_{name}" for name in LIGHT_MODELS if name != "resnet50")
_ZOO = tuple(model.name for model in ZOO_MODELS)

# The light ResNet-50 has the architecture of "resnet50", which stands for it.
_CNN = ("resnet50", "mobilenetv2", "efficientnet_lite0", *_LIGHT, *_ZOO)

# Their convolutions are 1x1, depthwise, strided or too small for Winograd's algorithm.
_WITHOUT_WINOGRAD = frozenset(
    {"mobilenetv2", "efficientnet_lite0", "light_shufflenet", "yolox_nano", "nanodet_m", "silero_vad"}
)

SUITES: tuple[Suite, ...] = (
    Suite("cnn", Kind.LATENCY, _CNN, "latency of convolutional networks"),
    Suite("transformer", Kind.LATENCY, ("bert_base", "encoder", "vit_tiny"), "latency of transformer encoders"),
    Suite(
        "kernels",
        Kind.KERNELS,
        ("resnet50", "mobilenetv2"),
        "GFLOP/s of every kernel, and percent of what the machine can do",
    ),
    Suite(
        "footprint",
        Kind.FOOTPRINT,
        ("mobilenetv2", "resnet50"),
        "time to first result, memory, bytes to ship",
    ),
    Suite(
        "accuracy",
        Kind.ACCURACY,
        tuple(name for name in _CNN if name not in _WITHOUT_WINOGRAD),
        "distance from float64, and how much Winograd's algorithm changes",
    ),
    Suite(
        "forest",
        Kind.FORESTS,
        FORESTS,
        "nanoseconds per row of ensembles of decision trees, builds and sizes; --models grid: a grid of shapes",
    ),
)
