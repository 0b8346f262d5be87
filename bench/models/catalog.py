"""The table of models that the project makes itself, by the names that the benchmark's commands take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx

from bench.models.digits import digits_model
from bench.models.efficientnet_lite0 import efficientnet_lite0
from bench.models.encoder import encoder
from bench.models.light import LIGHT_MODELS, randomize_light_model
from bench.models.mobilenetv2 import mobilenetv2
from bench.models.resnet50 import resnet50
from bench.models.vit import vit_tiny


@dataclass(frozen=True)
class CatalogEntry:
    """A model by name; `make` builds it anew on every call, always with the same bytes."""

    name: str
    make: Callable[[], onnx.ModelProto]


MODELS: tuple[CatalogEntry, ...] = (
    CatalogEntry("digits", digits_model),
    CatalogEntry("resnet50", resnet50),
    CatalogEntry("mobilenetv2", mobilenetv2),
    CatalogEntry("efficientnet_lite0", efficientnet_lite0),
    CatalogEntry("encoder", encoder),
    CatalogEntry("vit_tiny", vit_tiny),
    *(
        CatalogEntry(f"light_{name}", lambda name=name: randomize_light_model(name))
        for name in LIGHT_MODELS
        if name != "resnet50"
    ),
)


class UnknownModel(ValueError):
    """A name that is not in the catalog."""

    def __init__(self, name: str) -> None:
        known = ", ".join(entry.name for entry in MODELS)
        super().__init__(f"no model named {name!r}; known: {known}")


def make_model(name: str) -> onnx.ModelProto:
    """The model of that name; raises UnknownModel."""
    for entry in MODELS:
        if entry.name == name:
            return entry.make()
    raise UnknownModel(name)
