"""The suites of the benchmark: which models each measures, and how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a suite measures of its models."""

    LATENCY = auto()
    FOOTPRINT = auto()


@dataclass(frozen=True)
class Suite:
    """A named set of catalog models and what is measured of them."""

    name: str
    kind: Kind
    models: tuple[str, ...]
    about: str


SUITES: tuple[Suite, ...] = (
    Suite("cnn", Kind.LATENCY, ("resnet50", "mobilenetv2", "efficientnet_lite0"), "latency of image networks"),
    Suite("transformer", Kind.LATENCY, ("encoder", "vit_tiny"), "latency of transformer encoders"),
    Suite(
        "footprint",
        Kind.FOOTPRINT,
        ("mobilenetv2", "resnet50"),
        "time to first result, memory, bytes to ship",
    ),
)
