"""One C compiler for one target: C text to an object, objects to a shared library or a program.

Output is reproducible: the same inputs in any folder give the same bytes. Which compiler is used is decided
in ``find``; what is compiled is not known here.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compiler.codegen.toolchain.elf import Elf, read_elf
from compiler.codegen.toolchain.errors import CompileError, DependencyError
from compiler.codegen.toolchain.process import run
from compiler.targets import Target

TIMEOUT_S: Final = 300.0

# The target's own -march is not among the flags: the runtime must be able to start on any processor of the
# ABI, and say what is missing, before it runs code that the processor may not have. Nothing it does is worth
# a wider instruction.
_COMPILE_FLAGS: Final = (
    "-O2",
    "-g0",
    "-fPIC",
    "-ffunction-sections",
    "-fdata-sections",
    "-ffp-contract=off",  # gcc and clang disagree on their default; results must not depend on the one found
    "-fno-ident",
)
_ZIG_FLAGS: Final = ("-fno-sanitize=undefined", "-fno-stack-protector")  # both are on by default in `zig cc`
_LINK_FLAGS: Final = (
    "-Wl,--build-id=none",
    "-Wl,--hash-style=gnu",
    "-Wl,--gc-sections",
    "-Wl,--as-needed",
    "-Wl,-z,relro",
    "-Wl,-z,now",
    "-Wl,-z,noexecstack",
    "-s",
)
_ALLOWED_LIBRARIES: Final = re.compile(
    r"(libc|libm|libpthread)\.so(\.\d+)?|ld-linux[\w-]*\.so\.\d|libc\.musl-\w+\.so\.1"
)


@dataclass(frozen=True, slots=True)
class SharedLibrary:
    """A linked library that was read back: it is of the right machine and needs the C library only."""

    path: Path
    elf: Elf

    def too_new_for(self, target: Target) -> str | None:
        """The glibc that the library asks for if ``target`` may have an older one, else ``None``."""
        if self.elf.glibc is None or target.min_glibc is None:
            return None
        return self.elf.glibc if _numbers(self.elf.glibc) > _numbers(target.min_glibc) else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@dataclass(frozen=True, slots=True)
class CCompiler:
    """A compiler driver that was tried and makes code for ``target``.

    Attributes:
        kind: ``cc`` for gcc and clang, ``zig`` for ``zig cc``.
        command: the driver with the options that select the target.
        target: what it makes code for.
        identity: version and triple; two compilers with the same identity give the same bytes (for cache
        keys).
    """

    kind: str
    command: tuple[str, ...]
    target: Target
    identity: str

    def compile(
        self,
        source: Path,
        output: Path,
        *,
        include_dirs: Sequence[Path] = (),
        flags: Sequence[str] = (),
        timeout: float = TIMEOUT_S,
    ) -> Path:
        """Compiles the C file ``source`` to the object ``output``, which appears complete or not at all.

        ``flags`` come last, so that they win over ours.

        Raises:
            CompileError: the compiler refuses the text.
            CompileTimeoutError: it runs past ``timeout`` seconds.
        """
        source, includes = source.resolve(), [path.resolve() for path in include_dirs]
        folders = sorted({source.parent, *includes}, key=str)
        command = (
            *self._compile_command(),
            *(f"-I{path}" for path in includes),
            *(f"-ffile-prefix-map={folder}=." for folder in folders),
            *flags,
            "-c",
            str(source),
        )
        return self._run_to(output, lambda made: (*command, "-o", str(made)), source.name, timeout)

    def compile_text(
        self,
        text: str,
        output: Path,
        *,
        name: str = "generated.c",
        include_dirs: Sequence[Path] = (),
        flags: Sequence[str] = (),
        timeout: float = TIMEOUT_S,
    ) -> Path:
        """As ``compile``, for C that is in memory; ``name`` is what messages call it."""
        with tempfile.TemporaryDirectory(prefix="kiln-cc-") as folder:
            source = Path(folder, name)
            source.write_text(text)
            return self.compile(source, output, include_dirs=include_dirs, flags=flags, timeout=timeout)

    def link_shared(
        self,
        objects: Iterable[Path],
        output: Path,
        *,
        exports: Sequence[str] = ("kiln_*",),
        libraries: Sequence[str] = ("m", "pthread"),
        flags: Sequence[str] = (),
        timeout: float = TIMEOUT_S,
    ) -> SharedLibrary:
        """Links ``objects`` (in order of their names) into the shared library ``output``.

        Only symbols that match ``exports`` are visible outside. Helper routines of the compiler
        (half-precision conversions, 64-bit division on 32-bit Arm) are linked in, so that no libgcc is needed
        at run time.

        Raises:
            CompileError: the linker refuses, an undefined symbol among other reasons.
            CompileTimeoutError: it runs past ``timeout`` seconds.
            DependencyError: the result is for another machine or needs more than libc, libm and libpthread.
        """
        with tempfile.TemporaryDirectory(prefix="kiln-ld-") as folder:
            script = Path(folder, "exports.map")
            script.write_text(f"{{ global: {' '.join(f'{name};' for name in exports)} local: *; }};\n")
            command = (
                *self.command,
                "-shared",
                *_LINK_FLAGS,
                "-Wl,-z,defs",
                f"-Wl,--version-script={script}",
                *self._libgcc_flags(),
                *flags,
                *_by_name(objects),
                *(f"-l{name}" for name in libraries),
            )
            self._run_to(output, lambda made: (*command, "-o", str(made)), output.name, timeout)
        return self._checked(output)

    def link_program(
        self,
        objects: Iterable[Path],
        output: Path,
        *,
        libraries: Sequence[str] = ("m", "pthread", "dl"),
        flags: Sequence[str] = (),
        timeout: float = TIMEOUT_S,
    ) -> Path:
        """Links ``objects`` into the program ``output``, which may load libraries at run time.

        Raises:
            CompileError: the linker refuses.
            CompileTimeoutError: it runs past ``timeout`` seconds.
        """
        command = (
            *self.command,
            *_LINK_FLAGS,
            *self._libgcc_flags(),
            *flags,
            *_by_name(objects),
            *(f"-l{name}" for name in libraries),
        )
        return self._run_to(output, lambda made: (*command, "-o", str(made)), output.name, timeout)

    def _compile_command(self) -> tuple[str, ...]:
        return (*self.command, *_COMPILE_FLAGS, *(_ZIG_FLAGS if self.kind == "zig" else ()))

    def _libgcc_flags(self) -> tuple[str, ...]:
        return () if self.kind == "zig" else ("-static-libgcc",)  # zig's compiler-rt is always static

    def _run_to(
        self, output: Path, command_for: Callable[[Path], tuple[str, ...]], subject: str, timeout: float
    ) -> Path:
        """Runs a command that writes a file, and moves the file to ``output`` once it is complete."""
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".kiln-", dir=output.parent) as folder:
            made = Path(folder, output.name)
            command = command_for(made)
            finished = run(command, timeout=timeout, environment={"SOURCE_DATE_EPOCH": "0"})
            if finished.status != 0:
                raise CompileError(f"{self.command[0]} failed on {subject}:", command, finished.output)
            os.replace(made, output)
        return output

    def _checked(self, path: Path) -> SharedLibrary:
        elf = read_elf(path)
        if elf.isa != self.target.isa:
            path.unlink()
            raise DependencyError(f"{self.command[0]} made code for {elf.isa}, not for {self.target.isa}")
        excess = [name for name in elf.needed if not _ALLOWED_LIBRARIES.fullmatch(name)]
        if excess:
            path.unlink()
            raise DependencyError(f"{path.name} would need {', '.join(excess)} besides libc, libm and libpthread")
        return SharedLibrary(path, elf)


def _by_name(objects: Iterable[Path]) -> tuple[str, ...]:
    """Sorted by file name, not by folder: a build elsewhere must link in the same order."""
    return tuple(str(path) for path in sorted(objects, key=lambda path: (path.name, str(path))))
