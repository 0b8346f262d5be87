"""Compiling and linking with every compiler of this machine: small, closed, reproducible."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from compiler.codegen.toolchain import (
    CCompiler,
    CompileError,
    CompileTimeoutError,
    DependencyError,
    NoCompilerError,
    SharedLibrary,
    emulator,
    find_compiler,
    how_to_run,
    read_elf,
)
from compiler.targets import resolve

CALLER = """
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library) { puts(dlerror()); return 1; }
    float (*work)(float) = (float (*)(float))dlsym(library, "kiln_work");
    typedef long long divide_t(long long, long long);
    divide_t *divide = (divide_t *)dlsym(library, "kiln_divide");
    printf("%.4f %lld %d\\n", work(1.0f), divide(-7000000000000LL, 7), dlsym(library, "helper") != 0);
    return argc != 2;
}
"""


def build(compiler: CCompiler, source: Path, folder: Path) -> SharedLibrary:
    made = compiler.compile(source, folder / "model.o", include_dirs=[source.parent])
    return compiler.link_shared([made], folder / "model.so")


def test_library_needs_the_c_library_only(compiler: CCompiler, source: Path, tmp_path: Path) -> None:
    library = build(compiler, source, tmp_path / "out")
    assert library.elf.isa == compiler.target.isa
    assert set(library.elf.needed) <= {"libc.so.6", "libm.so.6", "libpthread.so.0"}
    assert library.elf.exports == ("kiln_divide", "kiln_where", "kiln_work")
    assert library.elf.glibc is not None
    assert library.path.stat().st_size < 80_000


def test_zig_honours_the_oldest_glibc(compiler: CCompiler, source: Path, tmp_path: Path) -> None:
    library = build(compiler, source, tmp_path)
    if compiler.kind == "zig":
        assert library.too_new_for(compiler.target) is None
    elif library.elf.glibc == "2.34":  # where glibc took pthread_create into libc.so
        expected = None if compiler.target.min_glibc is None else "2.34"
        assert library.too_new_for(compiler.target) == expected


def test_two_folders_give_the_same_bytes(compiler: CCompiler, source: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "a much longer folder" / "below"
    shutil.copytree(source.parent, elsewhere, ignore=shutil.ignore_patterns("a much*"))
    first = build(compiler, source, tmp_path / "out")
    second = build(compiler, elsewhere / source.name, elsewhere / "out")
    assert (tmp_path / "out/model.o").read_bytes() == (elsewhere / "out/model.o").read_bytes()
    assert first.path.read_bytes() == second.path.read_bytes()
    assert str(tmp_path).encode() not in first.path.read_bytes()


def test_order_of_objects_does_not_matter(compiler: CCompiler, tmp_path: Path) -> None:
    objects = [
        compiler.compile_text(f"int kiln_{name}(void) {{ return {i}; }}", tmp_path / f"{name}.o")
        for i, name in enumerate("cab")
    ]
    forward = compiler.link_shared(objects, tmp_path / "forward.so").path.read_bytes()
    assert compiler.link_shared(objects[::-1], tmp_path / "back.so").path.read_bytes() == forward


def test_library_runs(compiler: CCompiler, source: Path, tmp_path: Path) -> None:
    """Under qemu this is the target's own loader and C library, and the CPU that the target names."""
    prefix = emulator(compiler.target)
    if prefix is None:
        pytest.skip(how_to_run(compiler.target).reason)
    library = build(compiler, source, tmp_path)
    program = compiler.link_program([compiler.compile_text(CALLER, tmp_path / "call.o")], tmp_path / "call")
    command = [*prefix, str(program), str(library.path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.stdout, result.returncode) == ("8.1548 -1000000000000 0\n", 0), result.stderr


def test_helpers_of_the_compiler_are_linked_in(compiler: CCompiler, tmp_path: Path) -> None:
    """What no instruction does: quadruple precision on 64-bit machines, 64-bit division on 32-bit Arm."""
    number = {"x86_64": "__float128", "aarch64": "long double", "arm": "long long"}[compiler.target.isa]
    text = f"double kiln_h({number} a, {number} b) {{ return (double)(a * b / (a + b)); }}"
    made = compiler.compile_text(text, tmp_path / "h.o")
    assert re.search(rb"__(aeabi_ldivmod|divtf3)", made.read_bytes()), "the object needs no helper"
    library = compiler.link_shared([made], tmp_path / "h.so")
    assert not [name for name in library.elf.imports if re.match("__(aeabi|mul|div|add)", name)]


def test_compile_error_says_what_and_where(compiler: CCompiler, tmp_path: Path) -> None:
    with pytest.raises(CompileError) as raised:
        compiler.compile_text("int kiln_f(void) { return undeclared; }", tmp_path / "f.o", name="plan.c")
    assert "plan.c:1:" in str(raised.value)
    assert "undeclared" in str(raised.value)
    assert raised.value.command in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_compiler_without_its_cache_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zig keeps the C library stubs that it builds in a cache, and cannot work without."""
    try:
        compiler = find_compiler(resolve("arm_cortex_a72"))
    except NoCompilerError as error:
        pytest.skip(str(error))
    if compiler.kind != "zig":
        pytest.skip("zig is not installed")
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(CompileError, match="unable to open global cache directory"):
        compiler.compile_text("int kiln_f;", tmp_path / "f.o")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_undefined_symbols_are_link_errors(compiler: CCompiler, tmp_path: Path) -> None:
    made = compiler.compile_text("void gone(void); void kiln_f(void) { gone(); }", tmp_path / "f.o")
    with pytest.raises(CompileError, match="gone"):
        compiler.link_shared([made], tmp_path / "f.so")
    assert not (tmp_path / "f.so").exists()


def test_a_failed_build_keeps_the_previous_result(compiler: CCompiler, tmp_path: Path) -> None:
    made = compiler.compile_text("int kiln_f(void) { return 1; }", tmp_path / "f.o")
    before = made.read_bytes()
    with pytest.raises(CompileError):
        compiler.compile_text("int kiln_f(void) { return", made)
    assert made.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["f.o"]


def test_other_libraries_are_refused(compiler: CCompiler, tmp_path: Path) -> None:
    other = compiler.compile_text("int other(void) { return 1; }", tmp_path / "other.o")
    compiler.link_shared([other], tmp_path / "libother.so", exports=["other"])
    text = "int other(void); int kiln_f(void) { return other(); }"
    made = compiler.compile_text(text, tmp_path / "f.o")
    with pytest.raises(DependencyError, match=r"f\.so would need .*libother\.so"):
        compiler.link_shared([made], tmp_path / "f.so", libraries=["other"], flags=[f"-L{tmp_path}"])
    assert not (tmp_path / "f.so").exists()


def test_objects_of_another_machine_are_refused(compiler: CCompiler, tmp_path: Path) -> None:
    made = compiler.compile_text("int kiln_f(void) { return 1; }", tmp_path / "f.o")
    data = bytearray(made.read_bytes())
    data[18] = 243  # RISC-V
    made.write_bytes(data)
    with pytest.raises((CompileError, DependencyError)):
        compiler.link_shared([made], tmp_path / "f.so")
    assert not (tmp_path / "f.so").exists()


def test_flags_of_the_caller_win(tmp_path: Path) -> None:
    compiler = host_compiler("cc")
    text = "#ifdef __OPTIMIZE__\n#error optimized\n#endif\n"
    compiler.compile_text(text, tmp_path / "f.o", flags=["-O0"])
    with pytest.raises(CompileError, match="optimized"):
        compiler.compile_text(text, tmp_path / "f.o")


def test_a_compiler_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    survived = tmp_path / "survived"
    script = tmp_path / "slow-cc"
    script.write_text(f"#!/bin/sh\necho started\n(sleep 3; touch {survived}) &\nwait\n")
    script.chmod(0o755)
    with pytest.raises(CompileTimeoutError, match=r"did not finish in 0\.5 s"):
        host_compiler(str(script)).compile_text("int x;", tmp_path / "x.o", timeout=0.5)
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["sh", "-c", f"until [ -e {survived} ]; do sleep 0.1; done"], timeout=3.5, check=False)
    assert not (tmp_path / "x.o").exists()


def test_a_compiler_that_crashes_is_an_error(tmp_path: Path) -> None:
    script = tmp_path / "bad-cc"
    script.write_text("#!/bin/sh\necho internal compiler error >&2\nkill -SEGV $$\n")
    script.chmod(0o755)
    with pytest.raises(CompileError, match="internal compiler error"):
        host_compiler(str(script)).compile_text("int x;", tmp_path / "x.o")


def test_host_library_loads_into_this_process(tmp_path: Path) -> None:
    compiler = host_compiler("cc")
    made = compiler.compile_text("int kiln_answer(void) { return 42; }", tmp_path / "a.o")
    library = compiler.link_shared([made], tmp_path / "a.so")
    assert ctypes.CDLL(str(library.path)).kiln_answer() == 42
    assert read_elf(library.path) == library.elf


def host_compiler(command: str) -> CCompiler:
    if shutil.which(command) is None:
        pytest.skip(f"{command} is not installed")
    return CCompiler("cc", (command,), resolve("host"), "test")
