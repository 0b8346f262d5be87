"""Finding CPU features, and refusing CPUs that lack one."""

import platform
import re
from pathlib import Path

import pytest

import runtime
from compiler.targets.features import LLVM_ATTRIBUTES
from runtime.sources import INCLUDE
from tests.runtime.affine import AARCH64, ARMV7, HERE, HOST, Toolchain, build_artifact, run_command

# x86 features that Kiln's table spells; what a machine has besides is none of its business.
X86 = (
    "pni",
    "fma",
    "avx2",
    "bmi1",
    "abm",
    "lahf_lm",
    "avx512f",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx_vnni",
)


def check(toolchain: Toolchain, folder: Path, *features: str, cpu: str | None = None) -> dict[str, bool]:
    program = folder / "features"
    if not program.exists():
        run_command(
            *toolchain.compiler, "-std=c11", f"-I{INCLUDE}", HERE / "features.c", INCLUDE / "kiln_cpu.c",
            "-o", program,
        )  # fmt: skip
    emulator = (*toolchain.emulator, "-cpu", cpu) if cpu else toolchain.emulator
    answers = dict(line.split(" ", 1) for line in run_command(*emulator, program, *features).splitlines())
    for name, answer in answers.items():
        assert answer in ("yes", f"this CPU lacks what the model was compiled for: {name}"), answer
    return {name: answer == "yes" for name, answer in answers.items()}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="compares with the flags of an x86 /proc/cpuinfo")
def test_agrees_with_linux_on_this_machine(tmp_path: Path) -> None:
    text = Path("/proc/cpuinfo").read_text()
    flags = set(re.search(r"^flags\s*: (.*)$", text, re.MULTILINE).group(1).split())  # pyright: ignore
    table = re.findall(r'{"(\w+)", LEAF', (INCLUDE / "kiln_cpu.c").read_text())
    assert set(X86) <= set(table)
    assert check(HOST, tmp_path, *table) == {name: name in flags for name in table}


@pytest.mark.parametrize(
    ("toolchain", "cpu", "present", "absent"),
    [
        (AARCH64, "cortex-a72", ["fp", "asimd"], ["asimddp", "atomics", "sve", "i8mm", "bf16"]),
        (
            AARCH64,
            "max",
            ["fp", "asimd", "asimddp", "atomics", "fphp", "asimdhp", "asimdrdm", "sve", "i8mm"],
            [],
        ),
        (ARMV7, "cortex-a15", ["neon", "vfpv3", "vfpv4", "idiva", "idivt", "vfpd32"], []),
        (ARMV7, "cortex-a9", ["neon", "vfpv3"], ["idiva"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arm_features(tmp_path: Path, toolchain: Toolchain, cpu: str, present: list[str], absent: list[str]) -> None:
    if not toolchain.available():
        pytest.skip(f"{toolchain.compiler[0]} or {toolchain.emulator[0]} is not installed")
    found = check(toolchain, tmp_path, *present, *absent, cpu=cpu)
    assert found == dict.fromkeys(present, True) | dict.fromkeys(absent, False)


@pytest.mark.parametrize("toolchain", [HOST, AARCH64, ARMV7], ids=lambda t: t.triple)
def test_every_feature_that_a_target_may_require_can_be_checked(tmp_path: Path, toolchain: Toolchain) -> None:
    if not toolchain.available():
        pytest.skip(f"{toolchain.compiler[0]} or {toolchain.emulator[0]} is not installed")
    isa = {"x86_64-linux-gnu": "x86_64", "aarch64-linux-gnu": "aarch64"}.get(toolchain.triple, "arm")
    names = list(LLVM_ATTRIBUTES[isa])
    assert len(check(toolchain, tmp_path, *names)) == len(names)


def test_an_artifact_for_another_cpu_names_what_is_missing(tmp_path: Path) -> None:
    text = (INCLUDE / "kiln_cpu.c").read_text()
    table = re.findall(r'{"(\w+)", LEAF', text)
    lacking = next((name for name, found in check(HOST, tmp_path, *table).items() if not found), None)
    if lacking is None:
        pytest.skip("this CPU lacks no feature that the runtime knows")
    macros = {"TEST_FEATURES": f'{{"pni","{lacking}"}}', "TEST_FEATURE_COUNT": "2"}
    artifact = build_artifact(tmp_path / "artifact", macros=macros)
    with pytest.raises(runtime.TargetMismatchError, match=f"this CPU lacks .* compiled for: {lacking}$"):
        runtime.Model(artifact)


def test_a_feature_unknown_to_the_runtime_is_refused(tmp_path: Path) -> None:
    macros = {"TEST_FEATURES": '{"warp_drive"}', "TEST_FEATURE_COUNT": "1"}
    artifact = build_artifact(tmp_path / "artifact", macros=macros)
    with pytest.raises(runtime.TargetMismatchError, match="'warp_drive', which its runtime cannot check on x86"):
        runtime.Model(artifact)
