"""The ELF reader against ``readelf``, and against files that are cut short or altered."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.codegen.toolchain import CCompiler, Elf, ElfError, find_compiler, read_elf
from compiler.targets import resolve


def shown(option: str, path: Path) -> str:
    if shutil.which("readelf") is None:
        pytest.skip("readelf is not installed")
    command = ["readelf", "--wide", option, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def assert_agrees(elf: Elf, path: Path) -> None:
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", shown("--dynamic", path))
    assert list(elf.needed) == needed
    required = shown("--version-info", path).partition("Version needs section")[2]
    versions = re.findall(r"Name: (\S+)", required)
    assert sorted(name for _, names in elf.versions for name in names) == sorted(versions)
    rows = [line.split() for line in shown("--dyn-syms", path).splitlines()]
    symbols = [row for row in rows if len(row) >= 8 and row[4] in ("GLOBAL", "WEAK")]
    imports = sorted(row[7].partition("@")[0] for row in symbols if row[6] == "UND")
    assert list(elf.imports) == imports
    assert list(elf.exports) == sorted(row[7].partition("@")[0] for row in symbols if row[6] != "UND")


def test_agrees_with_readelf(compiler: CCompiler, source: Path, tmp_path: Path) -> None:
    made = compiler.compile(source, tmp_path / "m.o")
    library = compiler.link_shared([made], tmp_path / "m.so")
    assert_agrees(library.elf, library.path)


def test_a_file_that_is_not_dynamic(compiler: CCompiler, source: Path, tmp_path: Path) -> None:
    with pytest.raises(ElfError, match=r"m\.o: no table of dynamic symbols"):
        read_elf(compiler.compile(source, tmp_path / "m.o"))


def test_the_system_s_own_library() -> None:
    """Thousands of symbols, and versions both required and defined."""
    loaded = re.search(r"(/\S+/libm\.so\.6|/\S+/libm-[\d.]+\.so)", Path("/proc/self/maps").read_text())
    if loaded is None:
        pytest.skip("this interpreter does not use libm.so.6")
    path = Path(loaded[1])
    elf = read_elf(path)
    assert len(elf.exports) > 500
    assert elf.isa == resolve("host").isa
    assert_agrees(elf, path)


@pytest.mark.parametrize(
    ("names", "glibc"),
    [
        (("GLIBC_2.4", "GLIBC_2.27"), "2.27"),
        (("GLIBC_2.9", "GLIBC_2.17"), "2.17"),
        (("GLIBC_2.2.5",), "2.2"),
        (("GLIBC_2.17", "GLIBC_ABI_DT_RELR"), "2.36"),
        (("GLIBC_PRIVATE", "GCC_3.0"), None),
    ],
)
def test_required_glibc_is_the_newest_version(names: tuple[str, ...], glibc: str | None) -> None:
    assert Elf("x86_64", (), (("libc.so.6", names),), (), ()).glibc == glibc


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"MZ\x90\0" * 40, b"\x7fELF\x02\x02\x01" + bytes(80)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.so"
    path.write_bytes(content)
    with pytest.raises(ElfError, match=r"x\.so"):
        read_elf(path)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elf")
    compiler = find_compiler(resolve("host"))
    made = compiler.compile_text("#include <math.h>\nfloat kiln_f(float x) { return expf(x); }", folder / "m.o")
    return compiler.link_shared([made], folder / "m.so").path


@pytest.mark.skipif(sys.maxsize < 2**32, reason="the entry is searched in its 64-bit form")
def test_a_count_beyond_the_end_of_the_chain_ends_with_the_chain(library: Path, tmp_path: Path) -> None:
    content = library.read_bytes()
    libraries = len(read_elf(library).versions)
    entry = struct.pack("<QQ", 0x6FFFFFFF, libraries)
    assert content.count(entry) == 1
    path = tmp_path / "long.so"
    path.write_bytes(content.replace(entry, struct.pack("<QQ", 0x6FFFFFFF, 2**32 - 1)))
    assert read_elf(path) == read_elf(library)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_an_error_or_harmless(library: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Never an endless loop or another exception: an artifact from elsewhere may be damaged."""
    content = bytearray(library.read_bytes())
    content = content[: data.draw(st.integers(0, len(content)), "length")]
    for _ in range(data.draw(st.integers(0, 4), "changes")):
        if content:
            content[data.draw(st.integers(0, min(len(content), 4096) - 1), "at")] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.so"
    path.write_bytes(content)
    try:
        elf = read_elf(path)
    except ElfError:
        return
    assert isinstance(elf, Elf)
