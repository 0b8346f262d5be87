"""Symbols of relocatable objects, against ``readelf``-checked facts of what gcc makes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from compiler.codegen.tir.elf import NotAnObjectError, defined_symbols, undefined_symbols

SOURCE = """
    extern double outside(double);
    static int hidden(int x) { return x * 3; }
    int global_data = 1;
    __attribute__((weak)) double visible(double x) { return outside(x) + hidden((int)x); }
"""


@pytest.mark.parametrize("compiler", ["gcc", "aarch64-linux-gnu-gcc", "arm-linux-gnueabihf-gcc"])
def test_symbols_of_an_object(tmp_path: Path, compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    (tmp_path / "x.c").write_text(SOURCE)
    subprocess.run([compiler, "-c", "-O0", "-fno-pic", "x.c"], cwd=tmp_path, check=True)
    data = (tmp_path / "x.o").read_bytes()
    assert undefined_symbols(data) - {"_GLOBAL_OFFSET_TABLE_"} == {"outside"}
    assert {"visible", "global_data"} <= defined_symbols(data)
    assert "hidden" not in defined_symbols(data)


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"not an object at all", b"\x7fELF\x02\x02" + bytes(64)])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(NotAnObjectError):
        undefined_symbols(data)
