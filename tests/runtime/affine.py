"""Builds artifacts from the hand-written model.c, with a C compiler and nothing of Kiln's compiler."""

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from runtime.manifest import FileEntry, Manifest, TargetInfo, Tolerance
from runtime.selftest import write_golden
from runtime.sources import COMPILE_FLAGS, INCLUDE, LIBRARIES, LINK_FLAGS, PUBLIC_HEADER, SOURCES
from runtime.tensors import TensorSpec
from runtime.weights import WeightsInfo, write_weights

HERE = Path(__file__).parent
ROWS, COLUMNS = 256, 1024
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")

INPUTS = {"x": TensorSpec("float32", (ROWS, COLUMNS)), "offset": TensorSpec("float32", ())}
OUTPUTS = {"y": TensorSpec("float32", (ROWS, COLUMNS)), "total": TensorSpec("float32", (ROWS,))}


@dataclass(frozen=True)
class Toolchain:
    """How to compile for a machine and how to run its programs here."""

    compiler: tuple[str, ...] = ("gcc",)
    triple: str = f"{platform.machine()}-linux-gnu"
    emulator: tuple[str, ...] = ()

    def available(self) -> bool:
        return all(shutil.which(command[0]) for command in (self.compiler, self.emulator) if command)


HOST = Toolchain()
AARCH64 = Toolchain(("aarch64-linux-gnu-gcc",), "aarch64-linux-gnu", ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"))
ARMV7 = Toolchain(("arm-linux-gnueabihf-gcc",), "arm-linux-gnueabihf", ("qemu-arm", "-L", "/usr/arm-linux-gnueabihf"))


def constants() -> np.ndarray:
    """float32[2, 1024]: gain and bias."""
    return np.random.default_rng(7).standard_normal((2, COLUMNS)).astype(np.float32)


def example_inputs(seed: int = 1) -> dict[str, np.ndarray]:
    x = np.random.default_rng(seed).standard_normal((ROWS, COLUMNS)).astype(np.float32)
    return {"x": x, "offset": np.array(0.25 * seed, np.float32)}


def expected(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The model in numpy, float64 inside."""
    gain, bias = constants().astype(np.float64)
    y = np.maximum(inputs["x"].astype(np.float64) * gain + bias + inputs["offset"], 0)
    return {"y": y.astype(np.float32), "total": y.sum(axis=1).astype(np.float32)}


def run_command(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _plan_macros(weights: WeightsInfo, extra: Mapping[str, str]) -> list[str]:
    macros = {
        "TEST_WEIGHTS_BYTES": str(weights.payload_bytes),
        "TEST_WEIGHTS_SHA256": "{" + ",".join(map(str, weights.sha256)) + "}",
        **extra,
    }
    return [f"-D{name}={value}" for name, value in macros.items()]


def compile_model(
    output: Path,
    weights: WeightsInfo,
    toolchain: Toolchain = HOST,
    macros: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
    source: str = "model.c",
) -> None:
    run_command(
        *toolchain.compiler, *COMPILE_FLAGS, "-O2", "-fPIC", *WARNINGS, "-shared", *LINK_FLAGS, *flags,
        *_plan_macros(weights, macros or {}), f"-I{INCLUDE}", HERE / source, *SOURCES, *LIBRARIES,
        "-o", output,
    )  # fmt: skip


def write_manifest(
    directory: Path,
    toolchain: Toolchain = HOST,
    name: str = "affine",
    inputs: Mapping[str, TensorSpec] = INPUTS,
    outputs: Mapping[str, TensorSpec] = OUTPUTS,
) -> Manifest:
    """Describe what lies in `directory`."""
    files = {
        path.name: FileEntry(hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
        for path in directory.iterdir()
        if path.name != "manifest.json"
    }
    manifest = Manifest(
        name=name,
        inputs=inputs,
        outputs=outputs,
        target=TargetInfo("test", toolchain.triple, (), None),
        files=files,
        arena_bytes=4 * ROWS * COLUMNS,
        tolerance=Tolerance(rtol=1e-5, atol=1e-5),
        versions={"kiln": "0.1.0"},
    )
    (directory / "manifest.json").write_text(manifest.to_json())
    return manifest


def build_artifact(
    directory: Path,
    toolchain: Toolchain = HOST,
    macros: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> Path:
    """A complete artifact in the new directory `directory`."""
    directory.mkdir(parents=True)
    weights = write_weights(directory / "weights.bin", [constants().tobytes()])
    compile_model(directory / "model.so", weights, toolchain, macros, flags)
    shutil.copy(PUBLIC_HEADER, directory)
    inputs = example_inputs()
    write_golden(directory / "golden.npz", inputs, expected(inputs))
    write_manifest(directory, toolchain)
    return directory


def edit_manifest(directory: Path, **changes: object) -> None:
    """Rewrite manifest.json with other fields and a digest to match."""
    manifest = replace(Manifest.load(directory), **changes)  # pyright: ignore[reportArgumentType]
    (directory / "manifest.json").write_text(manifest.to_json())
