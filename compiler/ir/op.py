"""The base of all operations: a frozen dataclass whose typed fields are the op's attributes.

One class per op is the single place for its type inference, its reference semantics in numpy and the
samples every implementation of it is tested on. How an op is computed natively is a row of
``codegen/computes``, never here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from compiler.ir.literal import Array
from compiler.ir.types import TensorType

if TYPE_CHECKING:
    from compiler.ir.graph import Graph

RunRegion = Callable[["Graph", Sequence[Array]], list[Array]]


class InferenceError(ValueError):
    """Operand types that an op does not accept; the message says which and why."""


@dataclass(frozen=True)
class Op:
    """An operation. Subclasses are frozen dataclasses that set ``name`` and implement ``infer`` and ``evaluate``."""

    name: ClassVar[str] = ""

    # The two signatures below are gradual, so that each op may name the operands that it takes.

    def infer(self, *operands: Any, **_: Any) -> tuple[TensorType, ...]:
        """Result types for logical operand types (``TensorType``, by position); raises InferenceError if they do not
        fit."""
        raise InferenceError(f"{self.name} has no type inference without regions")

    def evaluate(self, *operands: Any, **_: Any) -> tuple[Array, ...]:
        """Reference results, exactly of the inferred types, on row-major arrays of the operand types."""
        raise InferenceError(f"{self.name} has no reference semantics without regions")

    def evaluate_typed(self, types: Sequence[TensorType], operands: Sequence[Array]) -> tuple[Array, ...]:
        """``evaluate`` for ops that must know more of their operands than numpy does: bfloat16 looks like uint16."""
        return self.evaluate(*operands)

    @classmethod
    def samples(cls) -> list[Sample]:
        """Instances with operands that cover the op's attributes and edge cases; never empty."""
        return []


@dataclass(frozen=True)
class RegionOp(Op):
    """An op whose meaning comes from the graphs nested in its node (``fused``, ``if``)."""

    def infer_regions(self, operands: Sequence[TensorType], regions: Sequence[Graph]) -> tuple[TensorType, ...]:
        """Result types from operand types and regions; raises InferenceError if they do not fit."""
        raise InferenceError(f"{self.name} does not implement region inference")

    def evaluate_regions(self, operands: Sequence[Array], regions: Sequence[Graph], run: RunRegion) -> list[Array]:
        """Reference results; ``run(region, inputs)`` interprets a nested graph."""
        raise InferenceError(f"{self.name} does not implement region evaluation")


@dataclass(frozen=True)
class Sample:
    """One op instance with concrete operands, used by the test that runs every op."""

    op: Op
    operands: tuple[Array, ...]


def require(condition: bool, message: str) -> None:
    """Raise InferenceError(message) unless the condition holds."""
    if not condition:
        raise InferenceError(message)
