"""The machine that figures depend on, as far as it tells: processor, caches, frequency, system and compilers."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bench.process import available_processors
from compiler.codegen.toolchain import ToolchainError, find_compiler
from compiler.targets.cpuinfo import read_caches
from compiler.targets.host import host_target
from compiler.targets.target import TargetError

CPU = Path("/sys/devices/system/cpu/cpu0/cpufreq")
UNKNOWN = "not readable"


@dataclass(frozen=True)
class Machine:
    """What a reader must know to repeat a figure, in words."""

    processor: str
    processors: str
    target: str
    features: str
    caches: str
    frequency: str
    memory: str
    system: str
    c_library: str
    python: str
    c_compiler: str
    tvm: str


def fingerprint() -> Machine:
    """This machine; what it does not tell is said to be unknown, never guessed."""
    target, features, c_compiler = _target()
    return Machine(
        processor=_processor(),
        processors=str(len(available_processors())),
        target=target,
        features=features,
        caches=_caches(),
        frequency=_frequency(),
        memory=_field(Path("/proc/meminfo"), "MemTotal") or UNKNOWN,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        c_library=" ".join(platform.libc_ver()).strip() or UNKNOWN,
        python=platform.python_version(),
        c_compiler=c_compiler,
        tvm=_version("apache-tvm"),
    )


def machine_text(machine: Machine) -> str:
    """A list in markdown."""
    fields: Mapping[str, str] = vars(machine)
    return "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in fields.items())


def _target() -> tuple[str, str, str]:
    """What `host` is, the features that decide its code, and the compiler that links for it."""
    try:
        target = host_target()
    except TargetError as error:
        return str(error), UNKNOWN, UNKNOWN
    try:
        c_compiler = find_compiler(target).identity
    except ToolchainError as error:
        c_compiler = str(error)
    return target.description, " ".join(target.features), c_compiler


def _processor() -> str:
    """The name in /proc/cpuinfo, with the numbers that tell processors of one name apart."""
    cpuinfo = Path("/proc/cpuinfo")
    name = _field(cpuinfo, "model name") or platform.machine()
    numbers = [
        f"{label} {value}"
        for label in ("cpu family", "model", "stepping", "CPU part")
        if (value := _field(cpuinfo, label))
    ]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def _field(path: Path, name: str) -> str | None:
    """The value of the first line ``name : value``."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next(
        (value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == name), None
    )


def _caches() -> str:
    caches = read_caches()
    if caches is None:
        return UNKNOWN
    sizes = {"L1d": caches.l1d_bytes, "L2": caches.l2_bytes, "L3": caches.l3_bytes}
    return ", ".join(f"{level} {size >> 10} KiB" for level, size in sizes.items() if size) + " a processor"


def _frequency() -> str:
    """The governor and limits of the first processor; a virtual machine shows a nominal frequency at most."""
    try:
        values = [
            (CPU / name).read_text().strip() for name in ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
        ]
    except OSError:
        nominal = _field(Path("/proc/cpuinfo"), "cpu MHz")
        return f"{nominal} MHz as the system reports it, which may not be what it runs at" if nominal else UNKNOWN
    return f"governor {values[0]}, {int(values[1]) // 1000} to {int(values[2]) // 1000} MHz"


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"
