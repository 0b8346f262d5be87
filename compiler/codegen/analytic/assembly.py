"""The loops of a kernel's machine code and what their instructions are, read from assembly text.

Knows the spelling of three instruction sets as LLVM prints them (x86-64 in AT&T syntax, AArch64, 32-bit Arm with NEON)
and no timing: that is ``loop_time``'s. What it does not recognize counts as one scalar instruction.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property


class Kind(Enum):
    """What an instruction keeps busy besides its place in the pipeline."""

    FMA = auto()
    """A multiply-add of float32 vectors."""
    SIMD = auto()
    """Other arithmetic on vector registers."""
    LOAD = auto()
    STORE = auto()
    PREFETCH = auto()
    SCALAR = auto()
    BRANCH = auto()


@dataclass(frozen=True)
class Instruction:
    """``loaded`` and ``stored``: bytes that it moves from and to memory, in how many accesses. ``accumulator``: the
    register that a multiply-add adds to. ``by_element``: whether one of its factors is a lane of a register. ``spill``:
    whether it moves a vector to or from the stack."""

    text: str
    kind: Kind
    loads: tuple[int, ...] = ()
    stores: tuple[int, ...] = ()
    accumulator: str = ""
    by_element: bool = False
    spill: bool = False


@dataclass(frozen=True)
class Loop:
    """The instructions of an innermost loop: from the target of its branch back to that branch."""

    instructions: tuple[Instruction, ...]

    @cached_property
    def counts(self) -> Counter[Kind]:
        """Instructions of each kind."""
        return Counter(instruction.kind for instruction in self.instructions)

    @property
    def multiply_adds(self) -> int:
        """Vectors that one iteration multiplies and adds."""
        return self.counts[Kind.FMA]

    @property
    def by_element(self) -> int:
        """How many of these take an element out of a register."""
        return sum(instruction.by_element for instruction in self.instructions)

    @cached_property
    def chains(self) -> Counter[str]:
        """How many multiply-adds of an iteration follow each other on each accumulator."""
        return Counter(i.accumulator for i in self.instructions if i.kind is Kind.FMA)

    @property
    def loads(self) -> tuple[int, ...]:
        """Bytes of every load."""
        return tuple(size for instruction in self.instructions for size in instruction.loads)

    @property
    def stores(self) -> tuple[int, ...]:
        """Bytes of every store."""
        return tuple(size for instruction in self.instructions for size in instruction.stores)

    @property
    def spills(self) -> int:
        """Vectors that go to or come from the stack."""
        return sum(len(i.loads) + len(i.stores) for i in self.instructions if i.spill)


@dataclass(frozen=True)
class Code:
    """A function: its innermost loops in the order of the text, and all that is in none of them."""

    loops: tuple[Loop, ...]
    around: Loop


@dataclass(frozen=True)
class _Syntax:
    """How one instruction set is written; every pattern is matched from the mnemonic on."""

    comment: str
    fma: re.Pattern[str]
    element: re.Pattern[str]
    load: re.Pattern[str]
    store: re.Pattern[str]
    prefetch: re.Pattern[str]
    branch: re.Pattern[str]
    vector: re.Pattern[str]
    stack: re.Pattern[str]


_SYNTAXES = {
    "aarch64": _Syntax(
        comment="//",
        fma=re.compile(r"fmla (?P<to>v\d+)\.4s"),
        element=re.compile(r".*\.s\[\d\]$"),
        load=re.compile(r"ld"),
        store=re.compile(r"st"),
        prefetch=re.compile(r"prfu?m"),
        branch=re.compile(r"(?:b|b\.\w+|cbn?z|tbn?z|bl|blr|br|ret)(?: |$)"),
        vector=re.compile(r"\S+ .*\b[vqds]\d+"),
        stack=re.compile(r".*\[sp\b"),
    ),
    "arm": _Syntax(
        comment="@",
        fma=re.compile(r"vfma\.f32 (?P<to>q\d+)"),
        element=re.compile(r".*\bd\d+\[\d\]$"),
        load=re.compile(r"v?ld"),
        store=re.compile(r"v?st"),
        prefetch=re.compile(r"pld"),
        branch=re.compile(r"b(?:eq|ne|h[is]|l[ots]|g[te]|le|mi|pl|v[sc]|l|x|lx)? "),
        vector=re.compile(r"v"),
        stack=re.compile(r".*\[sp\b"),
    ),
    "x86_64": _Syntax(
        comment="#",
        fma=re.compile(r"vfn?madd(?:132|213|231)ps .*%(?P<to>[xyz]mm\d+)$"),
        element=re.compile(r"$^"),
        load=re.compile(r"(?!lea|nop)(?:(?:cmp|test).*\(|.*\)(?:\{1to\d+\})?,)"),
        store=re.compile(r"(?!lea|nop|cmp|test).*\)$"),
        prefetch=re.compile(r"prefetch"),
        branch=re.compile(r"j\w+ |call|ret"),
        vector=re.compile(r"\S+ .*%[xyz]mm"),
        stack=re.compile(r".*\(%rsp"),
    ),
}
_PURE_LOADS = re.compile(r"(?:ld|vld)|v?mov|vbroadcast|vpbroadcast")
"""What does nothing but load, of all that reads memory."""

_PAIRS = frozenset({"ldp", "stp", "ldnp", "stnp", "ldrd", "strd"})

_LABEL = re.compile(r"([.\w$]+):")
_TARGET = re.compile(r"[ ,](\.L\w+)$")


def read_code(text: str, isa: str) -> Code:
    """The function in an assembly text.

    A loop is what lies between a label and the last branch that goes back to it: LLVM lays loops out in one piece.
    """
    syntax = _SYNTAXES[isa]
    lines: list[str] = []
    labels: dict[str, int] = {}
    for raw in text.splitlines():
        line = " ".join(raw.partition(syntax.comment)[0].split())
        if label := _LABEL.fullmatch(line):
            labels[label[1]] = len(lines)
        elif line and not line.startswith("."):
            lines.append(line)
    ends: dict[int, int] = {}
    for number, line in enumerate(lines):
        target = _TARGET.search(line)
        if target and syntax.branch.match(line) and labels.get(target[1], number + 1) <= number:
            ends[labels[target[1]]] = number
    spans = sorted(ends.items())
    inner = [s for s in spans if not any(o != s and s[0] <= o[0] and o[1] <= s[1] for o in spans)]
    instructions = [_read(line, isa) for line in lines]
    loops = tuple(Loop(tuple(instructions[first : last + 1])) for first, last in inner)
    inside = {number for first, last in inner for number in range(first, last + 1)}
    return Code(loops, Loop(tuple(i for number, i in enumerate(instructions) if number not in inside)))


def _read(line: str, isa: str) -> Instruction:
    """One instruction. On x86 any instruction may load an operand besides what it does."""
    syntax = _SYNTAXES[isa]
    if syntax.branch.match(line):
        return Instruction(line, Kind.BRANCH)
    if syntax.prefetch.match(line):
        return Instruction(line, Kind.PREFETCH)
    moved = _moved_x86(line) if isa == "x86_64" else _moved_arm(line)
    vector = bool(syntax.vector.match(line))
    loads = moved if syntax.load.match(line) else ()
    stores = moved if syntax.store.match(line) else ()
    spill = vector and bool(loads or stores) and bool(syntax.stack.match(line))
    if fma := syntax.fma.match(line):
        return Instruction(line, Kind.FMA, loads, (), fma["to"], bool(syntax.element.match(line)), spill)
    if stores:
        kind = Kind.STORE
    elif loads and _PURE_LOADS.match(line):
        kind = Kind.LOAD
    else:
        kind = Kind.SIMD if vector else Kind.SCALAR
    return Instruction(line, kind, loads, stores, spill=spill)


def _moved_arm(line: str) -> tuple[int, ...]:
    """Bytes of each register that an instruction of either Arm loads or stores."""
    mnemonic, _, operands = line.partition(" ")
    if operands.startswith("{"):  # ld1, st1 and their like; of ld1r and vld1 to all lanes, one element
        listed = re.findall(r"[vdq]\d+(\[\])?", operands.partition("}")[0])
        if mnemonic.endswith("r") or "[]" in listed:
            return (4,)
        return (8 * len(listed),) if mnemonic.startswith("v") else (16,) * len(listed)
    sizes = {"q": 16, "d": 8, "s": 4, "x": 8, "w": 4, "r": 4}
    found = re.findall(r"\b([qdsxwr])(?:\d+|zr)\b", operands.partition("[")[0])
    return tuple(sizes[letter] for letter in found[: 2 if mnemonic in _PAIRS else 1])


def _moved_x86(line: str) -> tuple[int, ...]:
    if "broadcastss" in line or "{1to" in line or "movss" in line:
        return (4,)
    widths = {"x": 16, "y": 32, "z": 64}
    return (max((widths[letter] for letter in re.findall(r"%([xyz])mm", line)), default=8),)
