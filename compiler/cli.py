"""What the commands of the compiler share: options, files of extensions, error messages, exit codes."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compiler.artifact import SaveError
from compiler.codegen.extensions import ExtensionError, load_file
from compiler.debug import DEBUG
from compiler.errors import BuildError
from compiler.ir import Op
from compiler.ir.literal import Array
from compiler.passes import Pass, PassManager, PipelineError
from compiler.targets import TargetError, resolve

DONE, FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 130
"""As shells say of a program that an interrupt ended: 128 and the number of SIGINT."""


class UsageError(Exception):
    """An argument names something that does not exist; the message says what there is."""


@dataclass
class Extensions:
    """What files given with ``--load`` bring: their tuples PASSES, OPS and SCHEDULES."""

    passes: list[type[Pass]] = field(default_factory=list)
    ops: list[type[Op]] = field(default_factory=list)
    schedules: list[type[object]] = field(default_factory=list)


def command_parser(
    command: str, description: str, examples: str, *, several_models: bool = False
) -> argparse.ArgumentParser:
    """A parser for MODEL, or any number of them, and the options that every command has."""
    p = argparse.ArgumentParser(
        prog=f"python -m compiler.{command}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    number = "*" if several_models else None
    p.add_argument("model", nargs=number, metavar="MODEL", help="an .onnx file, or a graph as .kiln text")
    p.add_argument("--target", default="host", help="what to compile for (default: host; see compiler.targets)")
    p.add_argument(
        "--bind",
        type=binding,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="fix an input: a number, a list such as [1,2], or @FILE.npy",
    )
    p.add_argument("--passes", default="standard", metavar="TEXT", help="the pipeline (default: standard)")
    p.add_argument(
        "--load",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.py",
        help="a file whose tuples PASSES, OPS and SCHEDULES are used too",
    )
    p.add_argument("--jobs", type=positive, metavar="N", help="processes that compile (default: one per CPU)")
    return p


def positive(text: str) -> int:
    """A number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def binding(text: str) -> tuple[str, Array]:
    """``name=3``, ``name=[1,2]`` or ``name=@file.npy``."""
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        if value.startswith("@"):
            return name, np.load(value[1:], allow_pickle=False)
        return name, np.asarray(json.loads(value))
    except (OSError, ValueError, EOFError) as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


_TABLES = ("PASSES", "OPS", "SCHEDULES")


def load_files(paths: Sequence[Path]) -> Extensions:
    """The passes, ops and templates that files define. Raises ExtensionError."""
    loaded = Extensions()
    for path in paths:
        module = load_file(path)
        if not any(hasattr(module, table) for table in _TABLES):
            raise ExtensionError(f"{path}: defines none of {', '.join(_TABLES)}, the tuples of what it brings")
        loaded.passes += getattr(module, "PASSES", ())
        loaded.ops += getattr(module, "OPS", ())
        loaded.schedules += getattr(module, "SCHEDULES", ())
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
        models = options.model if isinstance(options.model, str) else " ".join(options.model)
        return _fail(f"internal error on {models}: {what} (KILN_DEBUG=1 shows where)")


def _fail(message: str, code: int = FAILED) -> int:
    if DEBUG.traceback:
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    return code
