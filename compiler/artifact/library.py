"""model.so: kernel objects, the generated model.c and the C runtime, compiled where needed and linked.

Owns the cache of C objects. Knows nothing of how kernels are made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compiler.codegen.toolchain import CCompiler, SharedLibrary
from runtime.sources import COMPILE_FLAGS, HEADERS, INCLUDE, LIBRARIES, LINK_FLAGS, SOURCES

_MODEL_FLAGS = (*COMPILE_FLAGS, "-O1")
"""Thousands of wrappers that do nothing themselves: not worth optimizing hard."""


def link_model(
    compiler: CCompiler,
    model_c: str,
    kernels: Mapping[str, bytes],
    scratch: Path,
    output: Path,
    cache: Path,
) -> SharedLibrary:
    """Link ``output`` from the text of model.c and kernel objects by name, which are written below
    ``scratch``; the runtime's objects come from ``cache`` if they can.

    Raises ToolchainError when a compiler or linker refuses, OSError when a file cannot be written.
    """
    texts = {source.name: (source.read_text(encoding="utf-8"), COMPILE_FLAGS) for source in SOURCES}
    texts["model.c"] = (model_c, _MODEL_FLAGS)

    def compile_one(name: str) -> Path:
        text, flags = texts[name]
        return compile_cached(compiler, text, name, flags, cache)

    with ThreadPoolExecutor() as threads:
        objects = list(threads.map(compile_one, texts))
    kernel_folder = scratch / "kernels"
    kernel_folder.mkdir()
    for name, code in kernels.items():
        path = kernel_folder / f"{name}.o"
        path.write_bytes(code)
        objects.append(path)
    libraries = [name.removeprefix("-l") for name in LIBRARIES]
    return compiler.link_shared(objects, output, libraries=libraries, flags=LINK_FLAGS)


def compile_cached(compiler: CCompiler, text: str, name: str, flags: Sequence[str], cache: Path) -> Path:
    """The object of C ``text``, which may include the runtime's headers; in ``cache`` under its content's
    name.

    The compiler makes the file appear complete or not at all, so that concurrent builds may share the folder.
    """
    parts = (compiler.identity, *flags, *(header.read_text() for header in HEADERS), text)
    path = cache / f"{name.removesuffix('.c')}-{_digest(parts)}.o"
    if path.exists():
        path.touch()  # the age by which the cache is pruned
    else:
        compiler.compile_text(text, path, name=name, include_dirs=(INCLUDE,), flags=flags)
    return path


def _digest(parts: Iterable[str]) -> str:
    state = hashlib.sha256()
    for part in parts:
        state.update(f"{len(part)} {part}".encode())
    return state.hexdigest()[:32]
