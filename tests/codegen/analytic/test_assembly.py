"""Reading loops out of assembly, and what the model of a core makes of them, on code short enough to count by hand."""

from __future__ import annotations

import pytest

from compiler.codegen.analytic.assembly import Kind, read_code
from compiler.codegen.analytic.loop_time import loop_time
from compiler.targets import resolve

AARCH64 = """
kernel:
\tcbz\tw3, .LBB0_4
.LBB0_1:                                // %outer
\tmovi\tv0.2d, #0000000000000000
\tmov\tx8, x2
.LBB0_2:                                // %inner
\tldp\tq4, q5, [x0], #32
\tldr\tq6, [x1]
.Ltmp3:
\tprfm\tpldl2keep, [x1, #512]
\tfmla\tv0.4s, v4.4s, v6.s[0]
\tfmla\tv1.4s, v5.4s, v6.s[0]
\tfmla\tv0.4s, v5.4s, v6.4s
\tstr\tq0, [sp, #16]                    // 16-byte Folded Spill
\tfadd\tv2.4s, v2.4s, v0.4s
\tadd\tx1, x1, #16
\tcbz\tx9, .LBB0_2
\tsubs\tx8, x8, #1
\tb.ne\t.LBB0_2
\tstr\tq0, [x4], #16
\tsubs\tw3, w3, #1
\tb.ne\t.LBB0_1
.LBB0_4:
\tret
"""

X86_64 = """
kernel:
.LBB0_2:                                # %loop
\tvmovups\t(%rdi), %zmm31
\tvbroadcastss\t64(%rsi,%rcx,4), %zmm1
\tvfmadd231ps\t%zmm31, %zmm1, %zmm2
\tvfmadd231ps\t(%rdx){1to16}, %zmm31, %zmm3
\tvmovups\t%zmm2, 192(%rsp)
\tleaq\t64(%rdi), %rdi
\tcmpq\t$16, 8(%rsp)
\tjne\t.LBB0_2
\tretq
"""

ARM = """
kernel:
.LBB0_8:
\tvld1.32\t{d18, d19}, [r3]!
\tvld1.32\t{d16[], d17[]}, [r6:32]!
\tsubs\tr4, r4, #1
\tvfma.f32\tq11, q8, q9
\tbne\t.LBB0_8
\tbx\tlr
"""


def test_an_inner_loop_of_aarch64_ends_at_its_last_branch_back() -> None:
    code = read_code(AARCH64, "aarch64")
    [loop] = code.loops
    assert len(loop.instructions) == 12
    assert loop.counts == {
        Kind.LOAD: 2,
        Kind.PREFETCH: 1,
        Kind.FMA: 3,
        Kind.STORE: 1,
        Kind.SIMD: 1,
        Kind.SCALAR: 2,
        Kind.BRANCH: 2,
    }
    assert (loop.loads, loop.stores, loop.spills) == ((16, 16, 16), (16,), 1)
    assert (loop.multiply_adds, loop.by_element, loop.chains) == (3, 2, {"v0": 2, "v1": 1})
    assert len(code.around.instructions) == 7
    assert code.around.counts[Kind.STORE] == 1


def test_a_memory_operand_of_x86_is_a_load() -> None:
    [loop] = read_code(X86_64, "x86_64").loops
    assert loop.loads == (64, 4, 4, 8)
    assert loop.stores == (64,)
    assert loop.spills == 1
    assert loop.chains == {"zmm2": 1, "zmm3": 1}
    assert loop.counts[Kind.LOAD] == 2


def test_a_list_of_32_bit_arm_loads_a_vector_or_one_element() -> None:
    [loop] = read_code(ARM, "arm").loops
    assert loop.loads == (16, 4)
    assert loop.chains == {"q11": 1}


@pytest.mark.parametrize(
    ("name", "cycles", "bound"),
    [("arm_cortex_a72", 6, "chains"), ("arm_cortex_a76", 4, "chains"), ("arm_cortex_a53", 20, "chains")],
)
def test_two_sums_in_a_row_wait_for_each_other(name: str, cycles: float, bound: str) -> None:
    [loop] = read_code(AARCH64, "aarch64").loops
    time = loop_time(loop, resolve(name))
    assert (time.cycles, time.bound) == (cycles, bound)


def test_parts_of_a_core_are_counted_apart() -> None:
    [loop] = read_code(AARCH64, "aarch64").loops
    time = loop_time(loop, resolve("arm_cortex_a72"))
    assert (time.arithmetic, time.loads, time.stores, time.issue) == (4, 4, 2, 4), (
        "a store takes two cycles beside one load port"
    )
    assert time.of_peak == 3 / 6
    narrow = loop_time(loop, resolve("arm_cortex_a53"))
    assert narrow.loads == 3 / 0.5 + 1, "half a vector per cycle; the prefetch takes a cycle"
