"""What the commands of the compiler share beside arguments: files of extensions, error messages, exit codes.

The arguments are in ``compiler.arguments``.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from compiler.artifact import SaveError
from compiler.codegen.extensions import ExtensionError, load_file
from compiler.debug import DEBUG
from compiler.errors import BuildError
from compiler.ir import Op
from compiler.passes import Pass, PassManager, PipelineError
from compiler.targets import TargetError, resolve

DONE, FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 130
"""As shells say of a program that an interrupt ended: 128 and the number of SIGINT."""


class UsageError(Exception):
    """What the arguments ask for cannot be; the message says why, and what there is."""


@dataclass
class Extensions:
    """What files given with ``--load`` bring: their tuples PASSES, OPS and SCHEDULES."""

    passes: list[type[Pass]] = field(default_factory=list)
    ops: list[type[Op]] = field(default_factory=list)
    schedules: list[type[object]] = field(default_factory=list)


_MEMBERS = ("name", "version", "matches", "space", "emit")
"""What a schedule template has; it derives from nothing."""


def _is_pass(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Pass)


def _is_op(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Op)


def _is_template(thing: object) -> bool:
    return isinstance(thing, type) and all(hasattr(thing, member) for member in _MEMBERS)


_TABLES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "PASSES": (_is_pass, "class derived from Pass"),
    "OPS": (_is_op, "class derived from Op"),
    "SCHEDULES": (_is_template, f"class with {', '.join(_MEMBERS)}"),
}
"""What the entries of each tuple must be."""


def _table(module: ModuleType, path: Path, name: str) -> tuple[Any, ...]:
    """The tuple ``name`` of a file, empty if there is none. Raises ExtensionError for one of other things."""
    entries: object = getattr(module, name, ())
    if not isinstance(entries, tuple | list):
        raise ExtensionError(f"{path}: {name} is no tuple; one of a single class has a comma, as in (MyClass,)")
    is_right, what = _TABLES[name]
    for entry in cast("Sequence[object]", entries):
        if not is_right(entry):
            raise ExtensionError(f"{path}: {name} has {entry!r}, which is no {what}")
    return tuple(cast("Sequence[object]", entries))


def load_files(paths: Sequence[Path]) -> Extensions:
    """The passes, ops and templates that files define. Raises ExtensionError."""
    loaded = Extensions()
    for path in paths:
        module = load_file(path)
        if not any(hasattr(module, table) for table in _TABLES):
            raise ExtensionError(f"{path}: defines none of {', '.join(_TABLES)}, the tuples of what it brings")
        loaded.passes += _table(module, path, "PASSES")
        loaded.ops += _table(module, path, "OPS")
        loaded.schedules += _table(module, path, "SCHEDULES")
    return loaded


def check_names(options: argparse.Namespace, loaded: Extensions) -> None:
    """Raise UsageError unless the target and the passes that the arguments name exist."""
    try:
        resolve(options.target)
        PassManager.parse(options.passes, loaded.passes)
    except (TargetError, PipelineError) as error:
        raise UsageError(str(error)) from error


def run_command(action: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """The exit code of ``action``; an error becomes one clear message."""
    try:
        return action(options)
    except UsageError as error:
        return _fail(str(error), WRONG_USAGE)
    except (BuildError, SaveError, ExtensionError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 -- a defect of ours must not look like the user's mistake
        what = f"{type(error).__name__}: {error}"
        models = options.model if isinstance(options.model, str) else " ".join(options.model or ())
        return _fail(f"internal error{models and f' on {models}'}: {what} (KILN_DEBUG=1 shows where)")


def _fail(message: str, code: int = FAILED) -> int:
    if DEBUG.traceback:
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    return code
