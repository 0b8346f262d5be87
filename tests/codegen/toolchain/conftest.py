"""The compilers of this machine, one per way of linking for each family of targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.codegen.toolchain import CCompiler, NoCompilerError, find_compiler
from compiler.targets import resolve

WAYS = ("host", "x86-64-v3", "arm_cortex_a72", "armv7a_neon")
"""Targets of each ISA; all but the host are also linked by the installed gcc, as on a machine without zig."""


@pytest.fixture(params=[*WAYS, *(f"{name}-cc" for name in WAYS[1:])])
def compiler(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> CCompiler:
    """A compiler for each target, once with zig where it is installed and once without."""
    name: str = request.param.removesuffix("-cc")
    monkeypatch.delenv("CC", raising=False)
    if request.param.endswith("-cc"):
        monkeypatch.setattr("compiler.codegen.toolchain.find._zig", lambda: None)
    try:
        return find_compiler(resolve(name))
    except NoCompilerError as error:
        pytest.skip(str(error))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A C file that uses libm, threads, a local header, its own place and a compiler helper routine."""
    (tmp_path / "scale.h").write_text("#define KILN_SCALE 3\nstatic const char *here(void) { return __FILE__; }\n")
    path = tmp_path / "model.c"
    path.write_text(
        "#include <math.h>\n"
        "#include <pthread.h>\n"
        "#include <string.h>\n"
        '#include "scale.h"\n'
        "static void *work(void *p) { *(float *)p = expf(*(float *)p) * KILN_SCALE; return 0; }\n"
        "float kiln_work(float x) {\n"
        "    pthread_t t;\n"
        "    if (pthread_create(&t, 0, work, &x)) return -1;\n"
        "    pthread_join(t, 0);\n"
        "    return x;\n"
        "}\n"
        "long long kiln_divide(long long a, long long b) { return a / b; }\n"
        "unsigned long kiln_where(void) { return strlen(here()) + strlen(__FILE__); }\n"
        "int helper(int x) { return x + 1; }\n"
    )
    return path
