"""Machine code: for every target, of known symbols, the same bytes every time, quickly."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest
from tvm import tirx

from compiler.codegen.tir import (
    KernelBuilder,
    UnresolvedSymbolError,
    assembly,
    build_object,
    lanes,
    libm,
    literal,
    llvm_ir,
)
from compiler.codegen.tir.elf import defined_symbols, undefined_symbols
from compiler.ir.dtypes import DType
from compiler.targets import TARGETS, Target, llvm_target_dict, resolve
from tests.codegen.native import CORTEX_A72, HOST, index_bits, instructions, llvm, run


def axpy(bits: int = 64) -> tirx.PrimFunc:
    """``y = 2 x + y``."""
    k = KernelBuilder("k_axpy", index_bits=bits)
    x, y = (k.pointer(name, DType.F32, (16, 64)) for name in "xy")
    with k.parallel(16) as i:
        for j, count in k.strips(64, 16):
            y[i, lanes(j, count)] = x[i, lanes(j, count)] * 2.0 + y[i, lanes(j, count)]
    return k.finish()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_target_compiles_without_foreign_symbols(target: Target) -> None:
    data = build_object([axpy(index_bits(target))], llvm(target))
    assert "k_axpy" in defined_symbols(data)
    assert undefined_symbols(data) - {"_GLOBAL_OFFSET_TABLE_"} == frozenset()


def digests() -> str:
    """What the determinism test compares between processes."""
    return " ".join(
        hashlib.sha256(build_object([axpy(index_bits(target))], llvm_target_dict(target))).hexdigest()
        for target in (resolve("x86-64-v4"), resolve("arm_cortex_a72"), resolve("armv7a_neon"))
    )


def test_same_bytes_in_every_process() -> None:
    code = "from tests.codegen.tir.test_lowering import digests; print(digests())"
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert {process.communicate()[0].strip() for process in processes} == {digests()}


def test_unknown_functions_are_refused() -> None:
    k = KernelBuilder("k_stranger")
    x = k.pointer("x", DType.F32, (1,))
    with k.parallel(1) as i:
        x[i] = libm("strange", x[i])
    with pytest.raises(UnresolvedSymbolError, match="k_stranger: no artifact provides strangef"):
        build_object([k.finish()], llvm(HOST))


def test_several_functions_share_an_object() -> None:
    assert {"k_axpy", "k_sum"} <= defined_symbols(build_object([axpy(), accumulate(2)], llvm(HOST)))


def accumulate(rows: int) -> tirx.PrimFunc:
    """Column sums of a (100, rows x 16) matrix, held in ``rows`` registers over the loop."""
    k = KernelBuilder("k_sum")
    x, y = k.pointer("x", DType.F32, (100, rows * 16)), k.pointer("y", DType.F32, (rows * 16,))
    with k.parallel(1):
        sums = k.registers("sums", DType.F32, (rows, 16))
        for row in range(rows):
            sums[row, lanes(0, 16)] = literal(0.0, "float32")
        with k.serial(100) as i:
            for row in range(rows):
                sums[row, lanes(0, 16)] = sums[row, lanes(0, 16)] + x[i, lanes(row * 16, 16)]
        for row in range(rows):
            y[lanes(row * 16, 16)] = sums[row, lanes(0, 16)]
    return k.finish()


def test_accumulators_stay_in_registers() -> None:
    """Twenty of 64 bytes: more than the 1,024 bytes from which TVM's own pipeline allocates on the heap."""
    x = np.random.default_rng(0).standard_normal((100, 320)).astype(np.float32)
    result = np.zeros(320, np.float32)
    run(accumulate(20), x, result)
    np.testing.assert_allclose(result, x.sum(axis=0), rtol=1e-4, atol=1e-4)
    body = instructions(assembly(accumulate(20), llvm(resolve("x86-64-v4"))), "k_sum")
    assert not [line for line in body if "(%rsp" in line or "(%rbp" in line]


def test_addresses_need_no_index_arithmetic() -> None:
    """One induction variable serves the loop: no sign extension, no multiplication per access."""
    body = instructions(assembly(axpy(), llvm(resolve("x86-64-v4"))), "k_axpy")
    loop = [line for line in body if "zmm" in line]
    assert len([line for line in loop if line.startswith("vfmadd")]) >= 4
    assert not [line for line in body if line.startswith("movslq")][2:]


def test_llvm_ir_shows_the_signature() -> None:
    text = llvm_ir(axpy(), llvm(CORTEX_A72))
    assert "void @k_axpy(ptr noalias" in text
    assert "i32 %begin, i32 %end" in text


def test_floor_division_of_indices() -> None:
    k = KernelBuilder("k_blocks")
    x, y = k.pointer("x", DType.F32, (3, 8)), k.pointer("y", DType.F32, (24,))
    with k.parallel(24) as i:
        y[i] = x[i // 8, i % 8]
    data, result = np.arange(24, dtype=np.float32).reshape(3, 8), np.zeros(24, np.float32)
    run(k.finish(), data, result)
    np.testing.assert_array_equal(result, data.ravel())


@pytest.mark.long
def test_a_small_kernel_compiles_in_milliseconds() -> None:
    """20 ms on an idle machine; the bound allows for busy ones and still catches a pipeline gone
    exponential."""
    build_object([axpy()], llvm(HOST))
    best = min(_seconds_to_build() for _ in range(5))
    assert best < 0.1, f"{best * 1e3:.0f} ms"


def _seconds_to_build() -> float:
    start = time.process_time()
    build_object([axpy()], llvm(HOST))
    return time.process_time() - start
