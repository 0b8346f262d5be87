"""Whether a table of entries is complete: everything of its kind that a package defines is listed in it.

Nothing registers itself on import, so a module that its author forgot to list would simply not exist for
users.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterator
from types import ModuleType


def modules_below(package: str) -> Iterator[ModuleType]:
    """The package and every module in it, imported."""
    root = importlib.import_module(package)
    yield root
    for info in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def defined_below(package: str, is_entry: Callable[[object], bool]) -> dict[str, object]:
    """Every public object of module level in `package` that satisfies `is_entry`, by its full name.

    A class or function counts where it is defined, not where it is imported; other objects count once, under
    the first name that refers to them.
    """
    found: dict[str, object] = {}
    for module in modules_below(package):
        for name, value in vars(module).items():
            if name.startswith("_") or not is_entry(value):
                continue
            if getattr(value, "__module__", module.__name__) != module.__name__ and inspect.isroutine(value):
                continue
            if inspect.isclass(value) and value.__module__ != module.__name__:
                continue
            if not any(value is other for other in found.values()):
                found[f"{module.__name__}.{name}"] = value
    return found


def concrete_subclass_of(base: type) -> Callable[[object], bool]:
    """A predicate for the classes below `base` that can be instantiated."""
    return lambda value: (
        inspect.isclass(value) and issubclass(value, base) and value is not base and not inspect.isabstract(value)
    )


def missing_from(table: Collection[object], package: str, is_entry: Callable[[object], bool]) -> list[str]:
    """The full names of the entries that `package` defines and `table` lacks; fails if it defines none."""
    defined = defined_below(package, is_entry)
    assert defined, f"nothing of this kind is defined below {package}: the test looks in the wrong place"
    return sorted(name for name, value in defined.items() if not any(value is entry for entry in table))


def modules_with(package: str, *tables: str) -> list[ModuleType]:
    """The modules below `package` that define a table of one of these names; fails if there are none.

    The package's own module does not count: it is where the tables of the others are merged.
    """
    found = [
        module
        for module in modules_below(package)
        if module.__name__ != package and any(name in vars(module) for name in tables)
    ]
    assert found, f"no module below {package} defines {tables}: the test looks in the wrong place"
    return found
