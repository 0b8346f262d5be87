"""Host detection on the files of other machines: shortened ``/proc/cpuinfo`` texts and sysfs trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.targets import TARGETS, TargetError, host_target, resolve
from compiler.targets import features as names
from compiler.targets.cpuinfo import Caches, CpuInfo, Model, isa_of, parse_cpuinfo, read_caches, read_cpuinfo
from compiler.targets.host import detect

BASE = "fpu sse sse2 syscall lm"
V3 = f"{BASE} {' '.join(names.X86_64_V3)}"
V4 = f"{BASE} {' '.join(names.X86_64_V4)}"
ICELAKE = f"{BASE} {' '.join(names.ICELAKE)}"
RASPBERRY = "fp asimd evtstrm crc32 cpuid"
ARMV8_2 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
CACHES = Caches(32 << 10, 1 << 20, 4 << 20, 64)


def x86(vendor: str, family: int, model: int, flags: str, processors: int = 2) -> CpuInfo:
    block = f"vendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\nflags\t\t: {flags}\n"
    return parse_cpuinfo("\n".join([block] * processors), "x86_64")


def arm(parts: list[int], features: str, isa: str = "aarch64") -> CpuInfo:
    blocks = (
        f"processor\t: {i}\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU part\t: {part:#x}\n"
        for i, part in enumerate(parts)
    )
    return parse_cpuinfo("\n".join(blocks), isa)


@pytest.mark.parametrize(
    ("info", "mcpu", "like"),
    [
        (x86("GenuineIntel", 6, 85, V4), "skylake-avx512", "skylake-avx512"),
        (x86("GenuineIntel", 6, 85, f"{V4} avx512_vnni"), "cascadelake", "cascadelake"),
        (x86("GenuineIntel", 6, 106, ICELAKE), "icelake-server", "icelake-server"),
        (x86("AuthenticAMD", 25, 17, f"{ICELAKE} avx512_bf16 sse4a"), "znver4", "znver4"),
        (x86("AuthenticAMD", 26, 2, f"{ICELAKE} avx512_bf16 avx_vnni sse4a"), "znver5", "znver5"),
        (x86("AuthenticAMD", 25, 1, f"{V3} sse4a"), "znver3", "znver3"),
        (x86("AuthenticAMD", 25, 33, f"{V3} sse4a"), "znver3", "znver3"),
        (x86("AuthenticAMD", 23, 49, f"{V3} sse4a"), "x86-64-v3", "x86-64-v3"),  # Zen 2
        (x86("GenuineIntel", 6, 63, V3), "x86-64-v3", "x86-64-v3"),  # Haswell
        (x86("GenuineIntel", 6, 44, f"{BASE} {' '.join(names.X86_64_V2)}"), "x86-64-v2", "x86-64-v2"),
        (arm([0xD03] * 4, RASPBERRY), "cortex-a53", "arm_cortex_a53"),
        (arm([0xD08] * 4, RASPBERRY), "cortex-a72", "arm_cortex_a72"),
        (arm([0xD0B] * 4, ARMV8_2), "cortex-a76", "arm_cortex_a76"),
        (arm([0xD0C] * 4, ARMV8_2), "neoverse-n1", "neoverse_n1"),
        (arm([0xD03], "half thumb vfp edsp neon vfpv3 vfpv4 idiva idivt", "arm"), "generic", "armv7a_neon"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_known_machines(info: CpuInfo, mcpu: str, like: str) -> None:
    host = detect(info, None)
    assert (host.name, host.mcpu, host.min_glibc) == ("host", mcpu, None)
    assert host.features == resolve(like).features
    assert host.fingerprint() == resolve(like).fingerprint()


def test_cooper_lake_is_cascade_lake_with_bfloat16() -> None:
    host = detect(x86("GenuineIntel", 6, 85, f"{V4} avx512_vnni avx512_bf16"), CACHES)
    assert host.mcpu == "cascadelake"
    assert host.mattr == ("+avx512bf16",)
    assert host.dot_products == ("vnni",)


def test_a_hypervisor_that_hides_features_lowers_the_level() -> None:
    """A guest may see Zen 4's name without its AVX-512, or with only part of it."""
    assert detect(x86("AuthenticAMD", 25, 17, f"{V3} sse4a"), None).mcpu == "x86-64-v3"
    partly = detect(x86("AuthenticAMD", 25, 17, f"{V4} avx512_vnni"), None)
    assert (partly.mcpu, partly.mattr) == ("x86-64-v4", ("+avx512vnni",))


def test_a_feature_of_some_processors_only_does_not_count() -> None:
    blocks = [f"processor : {i}\nflags : {flags}\n" for i, flags in enumerate((V4, V3))]
    assert detect(parse_cpuinfo("\n".join(blocks), "x86_64"), None).mcpu == "x86-64-v3"


def test_unlike_cores_are_described_by_the_fastest_with_its_own_caches() -> None:
    host = detect(arm([0xD03, 0xD03, 0xD08], RASPBERRY), Caches(1 << 14, 1 << 14, 0, 64))
    assert host.peak_flops_per_cycle == resolve("arm_cortex_a72").peak_flops_per_cycle
    assert host.l1d_bytes == 32 << 10


def test_an_arm_core_that_is_not_in_the_table_gets_the_code_its_features_allow() -> None:
    graviton3 = detect(arm([0xD40], f"{ARMV8_2} i8mm bf16"), None)
    assert graviton3.mcpu == "generic"
    assert {"+dotprod", "+i8mm", "+bf16"} <= set(graviton3.mattr)
    assert graviton3.has_bf16
    assert graviton3.dot_products == ("dotprod", "i8mm")
    old = detect(arm([0xD04], RASPBERRY), None)
    assert (old.mcpu, old.mattr) == ("generic", ())


def test_a_32_bit_system_on_a_64_bit_kernel() -> None:
    assert isa_of("aarch64", 32) == "arm"
    assert detect(arm([0xD08], RASPBERRY, "arm"), None).isa == "arm"


def test_machines_below_the_least_target_are_refused_by_feature() -> None:
    with pytest.raises(TargetError, match=r"lacks .*sse4_2.*x86-64-v2"):
        detect(x86("GenuineIntel", 6, 15, BASE), None)
    with pytest.raises(TargetError, match=r"lacks .*vfpv4"):
        detect(arm([0xC09], "half thumb vfp neon vfpv3", "arm"), None)


@pytest.mark.parametrize(("machine", "bits"), [("riscv64", 64), ("i686", 32), ("x86_64", 32), ("ppc64le", 64)])
def test_other_machines_are_refused(machine: str, bits: int) -> None:
    with pytest.raises(TargetError, match=machine):
        isa_of(machine, bits)


def test_a_cpuinfo_without_features_is_refused() -> None:
    with pytest.raises(TargetError, match="flags"):
        parse_cpuinfo("processor : 0\n", "x86_64")


def test_models_are_distinct_and_sorted() -> None:
    assert arm([0xD08, 0xD03, 0xD08], RASPBERRY).models == (Model("0x41", 0, 0xD03), Model("0x41", 0, 0xD08))


def cache_tree(root: Path, levels: list[tuple[int, str, str, str]], siblings: str = "0") -> Path:
    (root / "topology").mkdir(parents=True)
    (root / "topology" / "thread_siblings_list").write_text(siblings + "\n")
    for index, (level, kind, size, shared) in enumerate(levels):
        folder = root / "cache" / f"index{index}"
        folder.mkdir(parents=True)
        for name, text in {"level": level, "type": kind, "size": size, "shared_cpu_list": shared}.items():
            (folder / name).write_text(f"{text}\n")
        (folder / "coherency_line_size").write_text("64\n")
    return root


def test_caches_are_shares_of_one_core(tmp_path: Path) -> None:
    tree = cache_tree(
        tmp_path,
        [
            (1, "Data", "48K", "0,8"),
            (1, "Instruction", "32K", "0,8"),
            (2, "Unified", "2048K", "0,8"),
            (3, "Unified", "16M", "0-15"),
        ],
        siblings="0,8",
    )
    assert read_caches(tree) == Caches(48 << 10, 2 << 20, 2 << 20, 64)
    host = detect(x86("GenuineIntel", 6, 106, ICELAKE), read_caches(tree))
    assert (host.l1d_bytes, host.l2_bytes, host.l3_bytes) == (48 << 10, 2 << 20, 2 << 20)


def test_a_kernel_that_hides_its_caches_leaves_the_documented_ones(tmp_path: Path) -> None:
    assert read_caches(tmp_path) is None


def test_this_machine() -> None:
    host = host_target()
    assert host is resolve("HOST")
    assert set(host.features) <= read_cpuinfo().features
    assert host.isa in {target.isa for target in TARGETS}
    assert detect(read_cpuinfo(), read_caches()) == host
