"""The import rules that import-linter cannot state: what may come from outside, and what an import costs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.architecture.sources import REPOSITORY, SourceFile, sources

HEAVY = ("tvm", "onnx", "xgboost", "lightgbm", "scipy", "onnxruntime", "openvino", "sklearn")


@pytest.mark.parametrize("package", ["compiler.ir", "runtime"])
def test_numpy_is_all_that_comes_from_outside(package: str) -> None:
    def foreign(source: SourceFile) -> set[str]:
        roots = {name.partition(".")[0] for name in source.imported() if not _inside(name, package)}
        return roots - sys.stdlib_module_names - {"numpy"}

    offenders = {source.name: foreign(source) for source in sources(package) if foreign(source)}
    assert not offenders


def _inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("module", ["compiler", "compiler.ir", "compiler.passes", "compiler.targets", "runtime"])
def test_an_import_loads_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert _python(program) == "[]"


def test_the_package_itself_loads_not_even_numpy() -> None:
    assert _python("import sys, compiler; print('numpy' in sys.modules)") == "False"


@pytest.mark.long
def test_the_ir_is_imported_in_little_more_than_numpy() -> None:
    """Relative, so that it holds on a slow machine; the best of several, so that it holds on a busy one."""
    program = "import time; t = time.perf_counter(); import numpy; n = time.perf_counter(); import compiler.ir; {}"
    measure = program.format("print((time.perf_counter() - n) / (n - t))")
    ratios = [float(_python(measure)) for _ in range(5)]
    assert min(ratios) < 2.0, f"import compiler.ir takes {ratios} times as long as import numpy"


def _python(program: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
