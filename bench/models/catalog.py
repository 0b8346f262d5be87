"""The table of models by the names that the benchmark's commands take: made from a seed, or found in the zoo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

from bench.models.digits import digits_model
from bench.models.efficientnet_lite0 import efficientnet_lite0
from bench.models.encoder import bert_base, encoder
from bench.models.light import LIGHT_MODELS, randomize_light_model
from bench.models.mobilenetv2 import mobilenetv2
from bench.models.resnet50 import resnet50
from bench.models.vit import vit_tiny
from bench.models.zoo import DEFAULT_ZOO, ZOO_MODELS, load_zoo_model


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
    CatalogEntry("bert_base", bert_base),
    CatalogEntry("vit_tiny", vit_tiny),
    *(
        CatalogEntry(f"light_{name}", lambda name=name: randomize_light_model(name))
        for name in LIGHT_MODELS
        if name != "resnet50"
    ),
)


class UnknownModel(ValueError):
    """A name that is not in the catalog, of which some others are known."""

    def __init__(self, name: str, known: Sequence[str] = ()) -> None:
        is_file = name.endswith((".json", ".ubj", ".txt", ".onnx"))
        what = f"{name}: no such file" if is_file else f"no model named {name!r}"
        super().__init__(f"{what}; known: {', '.join(known or model_names())}")


def model_names() -> list[str]:
    """The names of all models, those of the zoo last."""
    return [entry.name for entry in (*MODELS, *ZOO_MODELS)]


def make_model(name: str, zoo: Path = DEFAULT_ZOO) -> onnx.ModelProto:
    """The model of that name; raises UnknownModel, and MissingZoo for a real model that is not below `zoo`."""
    for entry in MODELS:
        if entry.name == name:
            return entry.make()
    for model in ZOO_MODELS:
        if model.name == name:
            return load_zoo_model(model, zoo)
    raise UnknownModel(name)
