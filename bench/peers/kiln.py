"""Kiln itself, through its public API: built beforehand, loaded by the runtime alone."""

from __future__ import annotations

from pathlib import Path

import compiler
import runtime
from bench.peers import ForestFile, Session

# What a device needs of the Python package; the C runtime is compiled into the artifact.
RUNTIME_SUFFIXES = (".py", ".pyi", ".typed")


def version() -> str:
    """The version of the installed package."""
    return runtime.__version__


def prepare(model: Path, directory: Path, target: str) -> Path:
    """An artifact as a directory, which the runtime maps into memory without unpacking."""
    artifact = directory / f"{model.stem}.kiln"
    if not artifact.exists():
        compiler.compile(str(model), target=target).save(str(artifact))
    return artifact


def prepare_forest(model: ForestFile, directory: Path, target: str) -> Path:
    """An artifact for any number of rows as a directory, built from scratch."""
    artifact = directory / f"{model.path.stem}.kiln"
    compiler.compile(model.path, target=target, cache_dir=directory / "kiln-cache").save(str(artifact))
    return artifact


def load(prepared: Path, threads: int) -> Session:
    """A model on `threads` threads."""
    return runtime.Model(str(prepared), threads=threads).run


def runtime_files() -> list[Path]:
    """The Python loader."""
    package = Path(str(runtime.__file__)).parent
    return sorted(path for path in package.rglob("*") if path.suffix in RUNTIME_SUFFIXES)
