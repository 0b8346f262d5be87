"""Instruction sets that a comparison can be held to: what Kiln compiles for, and how each peer is kept to the same.

A peer without a documented switch cannot take part; it is better left out than compared with wider vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Isa:
    """`target` is what compilers among the engines build for; `environment` holds the others, which are `held`.

    None for `held`: every engine chooses for itself, as it does for its users.
    """

    name: str
    target: str
    environment: Mapping[str, str]
    held: frozenset[str] | None

    def refusal(self, engine: str) -> str | None:
        """Why the engine cannot take part; None if it can."""
        if self.held is None or engine in self.held:
            return None
        return f"it has no documented switch that holds it to {self.name}"


NATIVE = Isa("native", "host", {}, None)

ISAS: tuple[Isa, ...] = (
    NATIVE,
    Isa(
        "avx2",
        "x86-64-v3",
        # oneDNN (which OpenVINO and PyTorch use), PyTorch's own kernels, and its MKL.
        {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
        frozenset({"kiln", "openvino", "tvm", "torch", "torch-compile"}),
    ),
)
"""The choices of ``--isa``."""


def isa_named(name: str) -> Isa:
    """The instruction set of that name; raises StopIteration for one that is not in `ISAS`."""
    return next(isa for isa in ISAS if isa.name == name)
