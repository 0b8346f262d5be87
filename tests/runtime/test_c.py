"""The C side by itself: the public interface from C, under sanitizers and valgrind, and on other machines."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compiler.codegen.plan.batch import MOST_TILES
from runtime.sources import HEADERS, INCLUDE, LIBRARIES, PUBLIC_HEADER, SOURCES
from runtime.tensors import DTYPES
from tests.runtime.affine import (
    AARCH64,
    ARMV7,
    HERE,
    HOST,
    WARNINGS,
    Toolchain,
    build_artifact,
    example_inputs,
    expected,
    run_command,
)
from tests.runtime.rowwise import build_rows_artifact, example_rows, expected_rows

EXAMPLE = HERE.parents[1] / "examples" / "c" / "run_model.c"


BUILDERS: dict[str, Callable[..., Path]] = {"driver.c": build_artifact, "rows_driver.c": build_rows_artifact}
"""Programs that try a model, with fixed shapes and with a dynamic batch, and what builds it."""

DRIVERS = pytest.mark.parametrize("driver", list(BUILDERS))


def compile_driver(driver: str, artifact: Path, toolchain: Toolchain = HOST, *flags: str) -> Path:
    program = artifact.parent / "driver"
    run_command(
        *toolchain.compiler, "-std=gnu11", "-O1", "-g", *WARNINGS, *flags, f"-I{artifact}",
        HERE / driver, artifact / "model.so", f"-Wl,-rpath,{artifact}", "-lpthread", "-o", program,
    )  # fmt: skip
    return program


def skip_without(sanitizer: str, folder: Path) -> None:
    command = ["gcc", f"-fsanitize={sanitizer}", "-x", "c", "-", "-o", folder / "probe"]
    probe = subprocess.run(command, input="int main(){}", text=True, capture_output=True)
    if probe.returncode != 0:
        pytest.skip(f"gcc has no {sanitizer} sanitizer: {probe.stderr[-200:]}")


def test_example_program(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "run_model"
    run_command(
        "gcc", "-std=c11", *WARNINGS, f"-I{built}", EXAMPLE, built / "model.so", f"-Wl,-rpath,{built}",
        "-o", program,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    inputs = example_inputs()
    for name, array in inputs.items():
        array.tofile(f"{name}.raw")
    text = run_command(program, built, "x.raw", "offset.raw")
    assert "input x: float32[256, 1024]" in text
    assert "output total: float32[256]" in text
    got = np.fromfile("output_0.raw", np.float32).reshape(256, 1024)
    np.testing.assert_allclose(got, expected(inputs)["y"], rtol=1e-4, atol=1e-5)

    failed = subprocess.run([program, tmp_path, "x.raw", "offset.raw"], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "cannot open the model" in failed.stderr


def test_example_program_with_a_dynamic_batch(
    built_rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "run_model"
    run_command(
        "gcc", "-std=c11", *WARNINGS, f"-I{built_rows}", EXAMPLE, built_rows / "model.so",
        f"-Wl,-rpath,{built_rows}", "-o", program,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    inputs = example_rows(21)
    for name, array in inputs.items():
        array.tofile(f"{name}.raw")
    assert "input x: float32[-1, 8]" in run_command(program, built_rows, "x.raw", "scale.raw")
    np.testing.assert_array_equal(np.fromfile("output_0.raw", np.float32).reshape(21, 8), expected_rows(inputs)["y"])


@DRIVERS
def test_driver(driver: str, tmp_path: Path) -> None:
    artifact = BUILDERS[driver](tmp_path / "artifact")
    assert run_command(compile_driver(driver, artifact), artifact) == "ok\n"


@DRIVERS
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_driver_under_a_sanitizer(driver: str, tmp_path: Path, sanitizer: str) -> None:
    skip_without(sanitizer, tmp_path)
    flag = f"-fsanitize={sanitizer}"
    artifact = BUILDERS[driver](tmp_path / "artifact", flags=(flag, "-g", "-Wl,-z,undefs"))
    program = compile_driver(driver, artifact, HOST, flag)
    run = subprocess.run([program, artifact], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "ok\n", "")


@pytest.mark.parametrize("sanitizer", [None, "address,undefined", "thread"])
def test_threads_may_decide_which_code_computes_a_row(tmp_path: Path, sanitizer: str | None) -> None:
    flags = ["-DTEST_SAME_RESULTS=true", "-DTEST_SECONDS=0x1p-18"]  # some runs are too short to wake threads for
    if sanitizer:
        skip_without(sanitizer, tmp_path)
        flags += [f"-fsanitize={sanitizer}", "-g"]
    artifact = build_rows_artifact(tmp_path / "artifact", flags=(*flags, *(("-Wl,-z,undefs",) if sanitizer else ())))
    run = subprocess.run(
        [compile_driver("rows_driver.c", artifact, HOST, *flags), artifact], capture_output=True, text=True
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "ok\n", "")


def test_split(tmp_path: Path) -> None:
    program = tmp_path / "split_driver"
    run_command(
        "gcc", "-std=gnu11", "-O1", *WARNINGS, f"-I{INCLUDE}", HERE / "split_driver.c", *SOURCES, *LIBRARIES,
        "-o", program,
    )  # fmt: skip
    assert run_command(program) == "ok\n"


@DRIVERS
def test_driver_under_valgrind(driver: str, tmp_path: Path) -> None:
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    artifact = BUILDERS[driver](tmp_path / "artifact")
    program = compile_driver(driver, artifact)
    run_command(
        "valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect", program, artifact,
    )  # fmt: skip


@DRIVERS
@pytest.mark.parametrize("toolchain", [AARCH64, ARMV7], ids=lambda t: t.triple)
def test_driver_on_arm(driver: str, tmp_path: Path, toolchain: Toolchain) -> None:
    if not toolchain.available():
        pytest.skip(f"{toolchain.compiler[0]} or {toolchain.emulator[0]} is not installed")
    artifact = BUILDERS[driver](tmp_path / "artifact", toolchain)
    program = compile_driver(driver, artifact, toolchain, "-DTEST_EMULATED")
    assert run_command(*toolchain.emulator, program, artifact) == "ok\n"


def test_only_the_public_functions_are_visible(built: Path) -> None:
    symbols = run_command("nm", "--dynamic", "--defined-only", "--format=posix", built / "model.so")
    visible = {line.split()[0] for line in symbols.splitlines()}
    declared = set(re.findall(r"^KILN_API .*?(kiln_\w+)\(", PUBLIC_HEADER.read_text(), re.MULTILINE))
    assert visible == declared
    assert len(declared) > 15


def test_needs_libc_and_nothing_of_a_compiler(built: Path) -> None:
    needed = re.findall(r"NEEDED.*\[(.*)\]", run_command("readelf", "--dynamic", built / "model.so"))
    assert set(needed) <= {"libc.so.6", "libm.so.6", "libpthread.so.0"}


def test_compiles_with_clang_and_as_cplusplus(tmp_path: Path) -> None:
    if not shutil.which("clang"):
        pytest.skip("clang is not installed")
    for source in SOURCES:
        run_command("clang", "-std=c11", *WARNINGS, "-fsyntax-only", source)
    for header in ("kiln.h", "kiln_plan.h"):
        run_command("clang", "-xc++", "-std=c++17", "-fsyntax-only", *WARNINGS, INCLUDE / header)


def test_the_lists_of_sources_are_complete() -> None:
    assert set(SOURCES) == set(INCLUDE.glob("*.c"))
    assert set(HEADERS) == set(INCLUDE.glob("*.h"))


def test_python_and_c_agree_on_constants() -> None:
    plan, public = (INCLUDE / "kiln_plan.h").read_text(), PUBLIC_HEADER.read_text()
    assert f"#define KILN_MOST_PROGRAMS {MOST_TILES}\n" in plan
    enumerators = re.findall(r"^ +KILN_(\w+) = (\d+),? *$", public[public.index("kiln_dtype {") :], re.MULTILINE)
    assert [(name.upper(), str(i)) for i, name in enumerate(DTYPES)] == enumerators
