"""What tests need that run programs of another machine."""

from __future__ import annotations

import pytest

from compiler.codegen.toolchain import NoCompilerError, emulator, find_compiler
from compiler.targets import resolve


def skip_without_emulator(name: str) -> None:
    """Skip the test where no C compiler makes programs for the target of that name, or nothing runs them."""
    target = resolve(name)
    if emulator(target) is None:
        pytest.skip(f"nothing runs programs of {name} here")
    try:
        find_compiler(target)
    except NoCompilerError as error:
        pytest.skip(str(error))
