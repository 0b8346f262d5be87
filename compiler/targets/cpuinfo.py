"""Reads what Linux says of the processor: ``/proc/cpuinfo`` and sysfs. Knows no target.

The parsers are pure functions of text, so that any machine's files can be examined anywhere.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from compiler.targets.features import ARMV7_NEON
from compiler.targets.target import TargetError

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Model:
    """A processor's own name for itself: vendor and family.model on x86, implementer and part on Arm."""

    vendor: str
    family: int
    model: int


@dataclass(frozen=True, slots=True)
class CpuInfo:
    """What all processors of a machine have in common, and the distinct models among them.

    ``features`` are those of every processor, spelled as in ``compiler.targets.features``.
    """

    isa: str
    features: frozenset[str]
    models: tuple[Model, ...]


@dataclass(frozen=True, slots=True)
class Caches:
    """One core's share of each level, in bytes (0 = no such level), and the line size."""

    l1d_bytes: int
    l2_bytes: int
    l3_bytes: int
    line_bytes: int


def isa_of(machine: str, pointer_bits: int) -> str:
    """The ISA of a process from ``uname -m`` and the size of its pointers.

    Raises:
        TargetError: Kiln makes no code for such a machine.
    """
    name = machine.lower()
    if pointer_bits == 32 and (name.startswith("armv") or name in ("aarch64", "arm64")):
        return "arm"  # a 32-bit system, possibly on a 64-bit kernel
    if pointer_bits == 64 and name in _MACHINES:
        return _MACHINES[name]
    raise TargetError(f"Kiln has no target for a {pointer_bits}-bit process on {machine!r}")


def parse_cpuinfo(text: str, isa: str) -> CpuInfo:
    """Features and models from the text of ``/proc/cpuinfo``.

    Raises:
        TargetError: the text lists no features (it is not that of a Linux kernel on ``isa``).
    """
    key = "flags" if isa == "x86_64" else "Features"
    per_processor: list[frozenset[str]] = []
    models: set[Model] = set()
    for block in text.split("\n\n"):
        fields = dict(_split_field(line) for line in block.splitlines() if ":" in line)
        if key in fields:
            per_processor.append(frozenset(fields[key].split()))
        models |= _model(fields)
    if not per_processor:
        raise TargetError(f"/proc/cpuinfo lists no {key!r}: cannot tell what this {isa} processor has")
    features = frozenset[str].intersection(*per_processor)
    if isa == "arm" and "asimd" in features:
        features |= frozenset(ARMV7_NEON)  # a 64-bit kernel names the 64-bit features; ARMv8 has these in 32-bit state
    return CpuInfo(isa, features, tuple(sorted(models, key=lambda m: (m.vendor, m.family, m.model))))


def _split_field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _model(fields: dict[str, str]) -> set[Model]:
    if "vendor_id" in fields and "cpu family" in fields and "model" in fields:
        return {Model(fields["vendor_id"], int(fields["cpu family"]), int(fields["model"]))}
    if "CPU implementer" in fields and "CPU part" in fields:
        return {Model(fields["CPU implementer"].lower(), 0, int(fields["CPU part"], 16))}
    return set()


def read_caches(cpu: Path = Path("/sys/devices/system/cpu/cpu0")) -> Caches | None:
    """Cache sizes of the processor whose sysfs folder is ``cpu``; ``None`` where the kernel does not tell.

    Hardware threads of one core count as one sharer.
    """
    siblings = _count_cpus(_read(cpu / "topology" / "thread_siblings_list") or "0")
    sizes: dict[int, int] = {}
    line = 64
    for index in sorted((cpu / "cache").glob("index*")):
        level, kind, size = (_read(index / name) for name in ("level", "type", "size"))
        if level is None or size is None or kind not in ("Data", "Unified"):
            continue
        cores = max(1, _count_cpus(_read(index / "shared_cpu_list") or "0") // siblings)
        sizes[int(level)] = _parse_size(size) // cores
        line = int(_read(index / "coherency_line_size") or line)
    if 1 not in sizes:
        return None
    return Caches(sizes[1], sizes.get(2, 0), sizes.get(3, 0), line)


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None  # kernels and containers differ in what they show; the caller has a documented default


def _parse_size(text: str) -> int:
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def _count_cpus(text: str) -> int:
    """How many processors a kernel list such as ``0-3,8`` names."""
    count = 0
    for part in text.split(","):
        first, _, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count


def read_cpuinfo() -> CpuInfo:
    """What this machine is.

    Raises:
        TargetError: it is not a Linux machine that Kiln can make code for.
    """
    isa = isa_of(platform.machine(), 64 if sys.maxsize > 2**32 else 32)
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError as error:
        raise TargetError(f"cannot detect the host's features: {error}; name a target instead") from error
    return parse_cpuinfo(text, isa)
