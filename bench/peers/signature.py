"""What a model's inputs and outputs are called and how they are shaped, beside its ONNX file.

Engines that have names and ranks of their own need it in the measured process, where loading ONNX would count as the
engine's memory.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Signature:
    """Shapes by name, in the model's order."""

    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]


def write_signature(model: Path, signature: Signature) -> None:
    """Keep it beside the ONNX file."""
    _beside(model).write_text(json.dumps(asdict(signature)))


def read_signature(model: Path) -> Signature:
    """What was written beside the ONNX file."""
    return Signature(**json.loads(_beside(model).read_text()))


def _beside(model: Path) -> Path:
    return model.with_suffix(".signature.json")
