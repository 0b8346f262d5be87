"""Classes from outside the tree, by name, so that worker processes can find them too.

A class crosses to another process as (module, file, name), as a script's functions do in ``multiprocessing``;
the worker imports the file. Knows nothing of what the classes are.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_MAIN = "__main__"


class ExtensionError(Exception):
    """A class cannot be found again by its module and name, or its file cannot be imported."""


@dataclass(frozen=True)
class Extension:
    """Attribute ``name`` (dotted, if nested) of the module whose source is ``path``; ``digest`` is that of
    the file."""

    module: str
    path: str
    name: str
    digest: str

    def load(self) -> object:
        """The class itself. Raises ExtensionError."""
        found: object = load_module(self.module, Path(self.path))
        for part in self.name.split("."):
            if not hasattr(found, part):
                raise ExtensionError(
                    f"{self.path}: has no {self.name}; define it at the top level of the file"
                )
            found = getattr(found, part)
        return found


def extension_of(thing: object) -> Extension:
    """How another process finds a class, or the class of an instance. Raises ExtensionError."""
    cls = thing if isinstance(thing, type) else type(thing)
    module = sys.modules.get(cls.__module__)
    path = getattr(module, "__file__", None)
    if path is None or "<locals>" in cls.__qualname__:
        raise ExtensionError(
            f"{cls.__qualname__} must be defined at the top level of a file, for workers to import it"
        )
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return Extension(cls.__module__, str(Path(path).resolve()), cls.__qualname__, digest)


def extensions_of(things: Iterable[object]) -> tuple[Extension, ...]:
    """``extension_of`` each."""
    return tuple(map(extension_of, things))


def load_module(name: str, path: Path) -> ModuleType:
    """The module called ``name`` whose file is ``path``, imported once per process. Raises ExtensionError."""
    alias = f"kiln_extension_{path.stem}" if name == _MAIN else name
    if (known := sys.modules.get(alias)) is not None and _is_file(known, path):
        return known
    spec = importlib.util.spec_from_file_location(alias, path)
    if spec is None or spec.loader is None:
        raise ExtensionError(f"{path}: not a Python file")
    if "." in alias:
        _import_parents(alias)
    module = importlib.util.module_from_spec(spec)
    sys.modules[alias] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[alias]
        raise ExtensionError(f"{path}: {type(error).__name__}: {error}") from error
    return module


def _is_file(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path.resolve()


def _import_parents(name: str) -> None:
    """Relative imports in a module of a package need the package; one that cannot be found is not used by
    it."""
    parent = name.rpartition(".")[0]
    try:
        importlib.import_module(parent)
    except ModuleNotFoundError:
        return
