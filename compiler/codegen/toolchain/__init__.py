"""C compilers, linking and emulators: everything between C text or objects and a library that a device loads.

Knows targets; knows nothing of graphs, kernels or TVM.
"""

from compiler.codegen.toolchain.compiler import CCompiler, SharedLibrary
from compiler.codegen.toolchain.elf import Elf, ElfError, read_elf
from compiler.codegen.toolchain.emulator import Execution, emulator, how_to_run
from compiler.codegen.toolchain.errors import (
    CompileError,
    CompileTimeoutError,
    DependencyError,
    NoCompilerError,
    ToolchainError,
)
from compiler.codegen.toolchain.find import find_compiler

__all__ = [
    "CCompiler",
    "CompileError",
    "CompileTimeoutError",
    "DependencyError",
    "Elf",
    "ElfError",
    "Execution",
    "NoCompilerError",
    "SharedLibrary",
    "ToolchainError",
    "emulator",
    "find_compiler",
    "how_to_run",
    "read_elf",
]
