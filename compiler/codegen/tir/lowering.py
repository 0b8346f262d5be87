"""From PrimFuncs to machine code: the lowering pipeline and TVM's LLVM.

Owns which TIR passes run and what an object file may need from outside. The functions must come from
``KernelBuilder``: flat buffers, no blocks, no TVM calling convention.

Why not TVM's default pipeline: its forty passes exist for scheduled blocks, GPUs and the packed-function
convention; our loop nests need two. Two of the passes we leave out would even hurt: LowerTVMBuiltin turns
local arrays of 1,024 bytes into heap calls, and the simplifiers do not keep IEEE semantics to the letter.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import tvm
from tvm import tirx

from compiler.codegen.tir.builder import SCALAR
from compiler.codegen.tir.elf import undefined_symbols
from compiler.targets import LlvmTarget


class UnresolvedSymbolError(Exception):
    """A kernel needs a function that an artifact does not provide."""


_MATH = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil cos cosh erf erfc exp exp2 expm1 floor fma fmod hypot "
    "log log10 log1p log2 nearbyint pow rint round roundeven sin sincos sinh sqrt tan tanh trunc"
)
_PROVIDED = re.compile(
    # The C library: float64 math (and float32 where a function has no vector form of ours), loops that copy
    # or fill.
    rf"(?:{_MATH.replace(' ', '|')})f?|mem(?:cpy|move|set)"
    # The compiler's support library, linked statically: wide integer division. Not its conversions, whose
    # calling convention on 32-bit ARM is not the one LLVM uses (see ``conversions``).
    r"|__aeabi_(?:u?idiv|u?idivmod|u?ldivmod|llsl|llsr|lasr|mem\w+)|__u?(?:div|mod|divmod)[sdt]i[34]"
)
"""Symbols that an artifact's link provides on every target."""


def lower(funcs: Sequence[tirx.PrimFunc], target: LlvmTarget) -> tvm.IRModule:
    """One module of the functions, as the code generator takes them."""
    bound = _target(target, funcs)
    module = tvm.IRModule({func.attrs["global_symbol"]: func.with_attr("target", bound) for func in funcs})
    return _PIPELINE(module)


def build_object(funcs: Sequence[tirx.PrimFunc], target: LlvmTarget) -> bytes:
    """Compile functions to one relocatable ELF object; the same input gives the same bytes in any process.

    Raises UnresolvedSymbolError when the object needs anything but libc, libm and compiler support.
    """
    return _object(_generate(funcs, target), funcs)


def object_and_assembly(func: tirx.PrimFunc, target: LlvmTarget) -> tuple[bytes, str]:
    """The object of ``build_object`` and its text, from one run of the optimizer. Raises UnresolvedSymbolError."""
    module = _generate([func], target)
    return _object(module, [func]), module.inspect_source("asm")


def assembly(func: tirx.PrimFunc, target: LlvmTarget) -> str:
    """The target's assembly of one function."""
    return _generate([func], target).inspect_source("asm")


def llvm_ir(func: tirx.PrimFunc, target: LlvmTarget) -> str:
    """The optimized LLVM IR of one function."""
    return _generate([func], target).inspect_source("ll")


def _generate(funcs: Sequence[tirx.PrimFunc], target: LlvmTarget) -> tvm.runtime.Module:
    return _LLVM(lower(funcs, target), _target(target, funcs))


def _object(module: tvm.runtime.Module, funcs: Sequence[tirx.PrimFunc]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="kiln-object-") as folder:
        path = Path(folder) / "kernel.o"
        module.write_to_file(str(path), "o")
        data = path.read_bytes()
    foreign = sorted(name for name in undefined_symbols(data) if not _PROVIDED.fullmatch(name))
    if foreign:
        names = ", ".join(str(func.attrs["global_symbol"]) for func in funcs)
        raise UnresolvedSymbolError(f"{names}: no artifact provides {', '.join(foreign)}")
    return data


_LLVM_OPTIONS = (
    # A loop around a register tile has as many accumulators as there are registers. Unrolled, or with a load carried
    # over from one iteration to the next, it spills; and spill slots are not aligned, so that how slow that is depends
    # on where the caller's stack happens to lie.
    "-unroll-threshold-aggressive:uint=100",
    "-enable-load-in-loop-pre:bool=false",
)


_SCALAR_OPTIONS = ("-vectorize-slp:bool=false", "-vectorize-loops:bool=false")


def _target(target: LlvmTarget, funcs: Sequence[tirx.PrimFunc]) -> tvm.target.Target:
    scalar = any(SCALAR in func.attrs for func in funcs)
    return tvm.target.Target({**target, "cl-opt": [*_LLVM_OPTIONS, *(_SCALAR_OPTIONS if scalar else ())]})


_PIPELINE = tvm.transform.Sequential(
    [
        tirx.transform.UnrollLoop(),
        # Floor division and modulo, and the contraction of a * b + c into llvm.fmuladd.
        tirx.transform.LowerIntrin(),
    ]
)

_LLVM = tvm.get_global_func("target.build.llvm")
