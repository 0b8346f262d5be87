"""What can go wrong with an ONNX model beside what can in all frontends: nodes that cannot be compiled or converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from frontends.errors import ModelError


class ConversionError(ModelError):
    """A node's attributes or types make no sense to its converter; most likely the model is malformed."""


class Unsupported(Exception):
    """A node that cannot be compiled. Collected over the whole model, then reported together.

    Args:
        reason: why, as the end of a sentence about the node: ``"the number of results depends on data"``.
        help: what the user could do about it, or nothing.
    """

    def __init__(self, reason: str, help: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.help = help


class Blocked(Exception):
    """What a node needs depends on an unsupported node, which is reported itself."""


@dataclass(frozen=True)
class UnsupportedNode:
    """One line of the preflight's report."""

    name: str
    op: str
    reason: str
    help: str = ""

    def __str__(self) -> str:
        advice = f" ({self.help})" if self.help else ""
        return f"{self.op} {self.name!r}: {self.reason}{advice}"


class UnsupportedModel(ModelError):
    """Some nodes cannot be compiled; ``nodes`` lists all of them."""

    def __init__(self, model: str, nodes: Sequence[UnsupportedNode]) -> None:
        self.nodes = tuple(nodes)
        count = f"{len(nodes)} node{'s' if len(nodes) != 1 else ''}"
        lines = "".join(f"\n  {node}" for node in nodes)
        super().__init__(f"{model}: {count} cannot be compiled:{lines}")
