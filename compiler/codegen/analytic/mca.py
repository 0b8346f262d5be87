"""``llvm-mca``'s opinion of an innermost loop: one feature where the tool is installed. It runs a program, which takes
a few hundredths of a second.

Its tables of a processor are another source than ours; it sees no caches, and takes branches as not there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache

from compiler.codegen.analytic.assembly import Kind, Loop
from compiler.targets import Target

ITERATIONS = 100
TIMEOUT_SECONDS = 10.0
_VERSIONS = range(30, 10, -1)
_CYCLES = re.compile(r"^Total Cycles:\s+(\d+)$", re.MULTILINE)
_UNKNOWN = "is not a recognized processor"


@cache
def find_mca() -> str | None:
    """The program, by its own name or with LLVM's version behind it, the newest; None where there is none."""
    names = ("llvm-mca", *(f"llvm-mca-{version}" for version in _VERSIONS))
    return next((path for name in names if (path := shutil.which(name))), None)


def mca_features(loop: Loop, target: Target) -> dict[str, float]:
    """``mca_cycles``: cycles of an iteration by its multiply-adds, or by its instructions where it has none. Nothing
    where the tool is missing, does not know the processor or one of the instructions, or takes too long."""
    program = find_mca()
    cycles = mca_cycles(program, loop, target) if program else None
    unit = loop.multiply_adds or len(loop.instructions)
    return {} if cycles is None else {"mca_cycles": cycles / unit}


def mca_cycles(program: str, loop: Loop, target: Target) -> float | None:
    """Cycles of one of many iterations in a row."""
    # It refuses branches whose targets are not in the text.
    text = "\n".join(i.text for i in loop.instructions if i.kind is not Kind.BRANCH) + "\n"
    options = (f"-mtriple={target.llvm_triple}", f"-mcpu={target.mcpu}", f"--iterations={ITERATIONS}")
    attributes = (f"-mattr={','.join(target.mattr)}",) if target.mattr else ()
    try:
        done = subprocess.run(
            (program, *options, *attributes), input=text, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _CYCLES.search(done.stdout)
    if done.returncode or found is None or _UNKNOWN in done.stderr:
        return None
    return int(found[1]) / ITERATIONS
