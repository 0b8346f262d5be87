"""What a device is, as pure data: instruction set, vector unit, caches and the ABI of its programs.

This module knows neither which devices exist (``table``), nor what the machine it runs on is (``host``), nor
how code is made (``compiler.codegen``).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Final, cast

from compiler.targets.features import BF16_FEATURES, BY_ELEMENT_FEATURES, DOT_PRODUCTS, FMA_FEATURES, LLVM_ATTRIBUTES


class TargetError(ValueError):
    """A target is unknown, inconsistent, or cannot be read from where the user said it is."""


@dataclass(frozen=True, slots=True)
class Abi:
    """The names of one Linux ABI: LLVM's triple and GNU's (which prefixes cross tools and names sysroots)."""

    llvm_triple: str
    gnu_triple: str


ABIS: Final[dict[str, Abi]] = {
    "x86_64": Abi("x86_64-linux-gnu", "x86_64-linux-gnu"),
    "aarch64": Abi("aarch64-linux-gnu", "aarch64-linux-gnu"),
    "arm": Abi("armv7a-linux-gnueabihf", "arm-linux-gnueabihf"),
}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_GLIBC = re.compile(r"2\.\d+")
_ATTRIBUTE = re.compile(r"[+-][a-z0-9.-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One device. Sizes are in bytes, rates per clock cycle of one core, latencies in cycles.

    Args:
        name: what the user types after ``--target``.
        description: one line for the table of targets.
        isa: ``x86_64``, ``aarch64`` or ``arm`` (32-bit, hard float).
        mcpu: LLVM's name of the processor.
        mattr: what to add to or take from ``mcpu``, as LLVM spells it: ``+dotprod``, ``-avx512bf16``.
        features: what the processor must have at run time, spelled as in ``compiler.targets.features``.
        vector_bytes: width of the vectors that templates use: 16, 32 or 64.
        vector_registers: how many of them there are: 16 or 32.
        fma_ports: vectors of ``vector_bytes`` that can be multiplied and added per cycle (0.5: every other).
        fma_latency: cycles from a multiply-add to the next that accumulates onto its result.
        load_ports: vectors of ``vector_bytes`` that can be loaded from the first-level cache per cycle.
        issue_width: instructions that the core decodes per cycle.
        l1d_bytes, l2_bytes, l3_bytes: one core's share of each cache when its neighbours work too (0: none).
        l1d_way_bytes: addresses that differ by a multiple of this share a set of the first-level data cache.
        cache_line_bytes: unit of transfer, and the alignment that keeps two threads apart.
        min_glibc: the oldest GNU C library that an artifact must load with, such as ``2.28``;
            ``None`` accepts whatever the compiler's own is.
        qemu_cpu: the ``-cpu`` under which qemu-user runs programs of this target; ``None`` if it cannot.

    Raises:
        TargetError: a field has a value that no device has; the message names the field.
    """

    name: str
    description: str
    isa: str
    mcpu: str
    features: tuple[str, ...]
    vector_bytes: int
    vector_registers: int
    fma_ports: float
    fma_latency: int
    load_ports: float
    l1d_bytes: int
    l2_bytes: int
    l3_bytes: int = 0
    l1d_way_bytes: int = 4096
    cache_line_bytes: int = 64
    issue_width: int = 4
    mattr: tuple[str, ...] = ()
    min_glibc: str | None = None
    qemu_cpu: str | None = None

    def __post_init__(self) -> None:
        _check_types(self)
        _check_values(self)

    @property
    def llvm_triple(self) -> str:
        """Triple for LLVM, such as ``aarch64-linux-gnu``."""
        return ABIS[self.isa].llvm_triple

    @property
    def gnu_triple(self) -> str:
        """Triple of GNU tools and multiarch folders, such as ``arm-linux-gnueabihf``."""
        return ABIS[self.isa].gnu_triple

    @property
    def pointer_bytes(self) -> int:
        """Size of an address: 8, or 4 on 32-bit Arm."""
        return 4 if self.isa == "arm" else 8

    @property
    def l1d_ways(self) -> int:
        """Lines that a set of the first-level data cache holds."""
        return max(1, self.l1d_bytes // self.l1d_way_bytes)

    @property
    def has_fma(self) -> bool:
        """Whether a vector of float32 can be multiplied and added with one rounding, in one instruction."""
        return not FMA_FEATURES.isdisjoint(self.features)

    @property
    def multiplies_by_element(self) -> bool:
        """Whether a multiply-add of float32 vectors can take one factor from any one lane of a register, so that to
        broadcast an element costs neither an instruction nor a load of its own."""
        return not BY_ELEMENT_FEATURES.isdisjoint(self.features)

    @property
    def splits_vectors(self) -> bool:
        """Whether a vector takes two units that multiply half of it each, so that two halves can be multiplied in the
        time of one vector: in cores with 64 bytes per cycle of the AVX-512 instructions."""
        return self.vector_bytes == 64 and self.fma_ports == 1

    @property
    def has_bf16(self) -> bool:
        """Whether bfloat16 products accumulate into float32 in one instruction."""
        return not BF16_FEATURES.isdisjoint(self.features)

    @property
    def dot_products(self) -> tuple[str, ...]:
        """Kinds of int8 dot product: ``vnni`` (u8 x s8), ``dotprod`` (s8 x s8, u8 x u8), ``i8mm``; sorted."""
        return tuple(sorted({DOT_PRODUCTS[name] for name in self.features if name in DOT_PRODUCTS}))

    @property
    def peak_flops_per_cycle(self) -> float:
        """The most float32 operations one core can do in a cycle, a multiply-add counted as two."""
        return 2 * self.fma_ports * self.lanes(4)

    def lanes(self, dtype_bytes: int) -> int:
        """Number of elements of ``dtype_bytes`` bytes in one vector."""
        return self.vector_bytes // dtype_bytes

    def fingerprint(self) -> str:
        """Text that two targets share if and only if tuning records of one hold for the other.

        Made of the ISA with its features, the vector unit's shape, and the private caches. The share of a
        last-level
        cache is left out: a virtual machine reports whatever its host hands it, so that the same processor
        would rarely agree with itself, and no register or panel tile depends on it.
        """
        parts = (
            self.isa,
            *sorted(self.features),
            self.vector_bytes,
            self.vector_registers,
            self.l1d_bytes,
            self.l2_bytes,
            self.cache_line_bytes,
        )
        digest = hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()
        return f"{self.isa}-v{8 * self.vector_bytes}-{digest[:16]}"

    def to_json(self) -> str:
        """JSON text, one key per field in order of declaration."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Target:
        """The target that ``to_json`` wrote.

        Raises:
            TargetError: not JSON, an unknown or a missing key, or a value that no device has.
        """
        try:
            data: object = json.loads(text)
        except json.JSONDecodeError as error:
            raise TargetError(f"not JSON: {error}") from error
        if not isinstance(data, dict):
            raise TargetError("a target is a JSON object")
        given = cast("dict[str, object]", data)
        known = {field.name for field in fields(cls)}
        if unknown := sorted(given.keys() - known):
            raise TargetError(f"unknown keys: {', '.join(unknown)}; a target has {', '.join(sorted(known))}")
        values = {key: tuple(cast("list[object]", v)) if isinstance(v, list) else v for key, v in given.items()}
        try:
            return cls(**values)  # pyright: ignore[reportArgumentType]  # __post_init__ checks the types
        except TypeError as error:
            needed = {field.name for field in fields(cls) if field.default is MISSING}
            missing = ", ".join(sorted(needed - given.keys()))
            raise TargetError(f"a target lacks a key: {missing}") from error


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "tuple[str, ...]": (tuple,),
    "str | None": (str, type(None)),
}


def _check_types(target: Target) -> None:
    for field in fields(target):
        value: object = getattr(target, field.name)
        annotation = cast("str", field.type)
        if not isinstance(value, _TYPES[annotation]) or isinstance(value, bool):
            raise TargetError(f"{field.name} must be {annotation}, not {value!r}")
        if isinstance(value, tuple) and not all(isinstance(v, str) for v in cast("tuple[object, ...]", value)):
            raise TargetError(f"{field.name} must be a list of texts, not {value!r}")


def _check_values(target: Target) -> None:
    rules = (
        ("name", bool(_NAME.fullmatch(target.name)), "letters, digits, '_', '-' and '.'"),
        ("isa", target.isa in ABIS, f"one of {', '.join(ABIS)}"),
        ("mcpu", bool(target.mcpu), "a processor that LLVM knows, or 'generic'"),
        ("vector_bytes", target.vector_bytes in (16, 32, 64), "16, 32 or 64"),
        ("vector_registers", target.vector_registers in (16, 32), "16 or 32"),
        ("fma_ports", 0 < target.fma_ports <= 8, "between 0 and 8"),
        ("fma_latency", 1 <= target.fma_latency <= 32, "between 1 and 32 cycles"),
        ("load_ports", 0 < target.load_ports <= 8, "between 0 and 8"),
        ("issue_width", 1 <= target.issue_width <= 16, "between 1 and 16"),
        ("l1d_bytes", target.l1d_bytes >= 1024, "at least 1024"),
        ("l1d_way_bytes", target.l1d_way_bytes >= 256, "at least 256"),
        ("l2_bytes", target.l2_bytes >= 0, "0 or more"),
        ("l3_bytes", target.l3_bytes >= 0, "0 or more"),
        ("cache_line_bytes", target.cache_line_bytes in (32, 64, 128, 256), "32, 64, 128 or 256"),
        ("min_glibc", target.min_glibc is None or bool(_GLIBC.fullmatch(target.min_glibc)), "like 2.28"),
    )
    for name, holds, expected in rules:
        if not holds:
            raise TargetError(f"target {target.name!r}: {name} must be {expected}, not {getattr(target, name)!r}")
    for attribute in target.mattr:
        if not _ATTRIBUTE.fullmatch(attribute):
            raise TargetError(f"target {target.name!r}: mattr entries look like +dotprod or -sve, not {attribute!r}")
    known = LLVM_ATTRIBUTES[target.isa]
    for feature in target.features:
        if feature not in known:
            raise TargetError(
                f"target {target.name!r}: no artifact can check for the feature {feature!r} on {target.isa};"
                f" it can for {', '.join(known)}"
            )
