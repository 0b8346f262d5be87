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
from importlib.machinery import SourceFileLoader
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
        """The class itself, as the file is now. Raises ExtensionError."""
        path = Path(self.path)
        if _digests.get(path, self.digest) != self.digest:
            _forget(self.module, path)
        found: object = load_module(self.module, path)
        for part in self.name.split("."):
            if not hasattr(found, part):
                raise ExtensionError(f"{self.path}: has no {self.name}; define it at the top level of the file")
            found = getattr(found, part)
        if _digests.setdefault(path, self.digest) != self.digest:
            raise ExtensionError(f"{path}: has changed during the build")
        return found


def extension_of(thing: object) -> Extension:
    """How another process finds a class, or the class of an instance. Raises ExtensionError."""
    cls = thing if isinstance(thing, type) else type(thing)
    module = sys.modules.get(cls.__module__)
    path = getattr(module, "__file__", None)
    if path is None or "<locals>" in cls.__qualname__:
        raise ExtensionError(f"{cls.__qualname__} must be defined at the top level of a file, for workers to import it")
    return Extension(cls.__module__, str(Path(path).resolve()), cls.__qualname__, _digest(Path(path).read_bytes()))


def extensions_of(things: Iterable[object]) -> tuple[Extension, ...]:
    """``extension_of`` each."""
    return tuple(map(extension_of, things))


def load_file(path: Path) -> ModuleType:
    """The module of a file that a user names, imported as if a script beside it did: it may import its
    neighbours by their plain names, and they it. Raises ExtensionError."""
    return load_module(_plain_name(path), path)


def load_module(name: str, path: Path) -> ModuleType:
    """The module called ``name`` whose file is ``path``, imported once per process. Raises ExtensionError."""
    alias = _alias(path) if name == _MAIN else name
    if (known := sys.modules.get(alias)) is not None and _is_file(known, path):
        return known
    if path.suffix != ".py" or not path.is_file():
        raise ExtensionError(f"{path}: {'no such file' if path.suffix == '.py' else 'not a Python file'}")
    if "." in alias:
        _import_parents(alias)
    else:
        _let_import_neighbours(path)
    loader = SourceFileLoader(alias, str(path))
    spec = importlib.util.spec_from_file_location(alias, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[alias] = module
    try:
        source = path.read_bytes()
        _digests[path.resolve()] = _digest(source)
        # Not by the loader, which may find the code of an older version in __pycache__.
        exec(loader.source_to_code(source, str(path)), vars(module))
    except Exception as error:
        del sys.modules[alias]
        raise ExtensionError(f"{path}: {type(error).__name__}: {error}") from error
    return module


_digests: dict[Path, str] = {}
"""The content that a file had when it was imported: a worker outlives edits of it."""


def _forget(name: str, path: Path) -> None:
    """Let the next ``load_module`` import the file anew."""
    sys.modules.pop(_alias(path) if name == _MAIN else name, None)
    _digests.pop(path, None)


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()


def _alias(path: Path) -> str:
    """A name that no other module has."""
    return f"kiln_extension_{path.stem}"


def _plain_name(path: Path) -> str:
    """The file's own name, if importing that finds this very file."""
    _let_import_neighbours(path)
    if not path.stem.isidentifier() or path.stem in sys.builtin_module_names:
        return _alias(path)
    if (known := sys.modules.get(path.stem)) is not None:
        return path.stem if _is_file(known, path) else _alias(path)
    spec = importlib.util.find_spec(path.stem)
    found = spec is not None and spec.origin is not None and Path(spec.origin).resolve() == path.resolve()
    return path.stem if found else _alias(path)


def _let_import_neighbours(path: Path) -> None:
    """Put the file's folder behind everything else that is searched, so that it hides no module."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)


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
