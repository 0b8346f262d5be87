"""A target in LLVM's words, as plain data: the code generator makes a TVM target of it."""

from __future__ import annotations

from typing import TypedDict

from compiler.targets.target import Target

LlvmTarget = TypedDict(
    "LlvmTarget",
    {"kind": str, "mtriple": str, "mcpu": str, "mattr": list[str], "mfloat-abi": str},
    total=False,
)


def llvm_target_dict(target: Target) -> LlvmTarget:
    """The fields of TVM's ``llvm`` target kind for ``target``.

    Without an explicit float ABI TVM marks 32-bit Arm objects as taking floats in integer registers, which
    the linker rightly refuses to mix with hard-float code.
    """
    description: LlvmTarget = {"kind": "llvm", "mtriple": target.llvm_triple, "mcpu": target.mcpu}
    if target.mattr:
        description["mattr"] = list(target.mattr)
    if target.isa == "arm":
        description["mfloat-abi"] = "hard"
    return description
