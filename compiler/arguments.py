"""The command-line arguments that several commands take: their types, and how they are declared.

Knows the form of an argument, not whether what it names exists; for that see ``compiler.cli``.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from compiler.errors import os_error_text
from compiler.ir import DType, TensorType
from compiler.ir.literal import Array

_INPUT = re.compile(r"(?P<name>.+?):(?P<shape>\d+(?:,\d+)*|)(?::(?P<dtype>[a-z]+\d*))?")
_DTYPES = {dtype.value: dtype for dtype in DType}


def command_parser(
    command: str, description: str, examples: str, *, several_models: bool = False
) -> argparse.ArgumentParser:
    """A parser for MODEL, or any number of them, and the options of all commands that compile kernels."""
    p = argparse.ArgumentParser(
        prog=f"python -m compiler.{command}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "model",
        nargs="*" if several_models else None,
        metavar="MODEL",
        help="a file: .onnx, XGBoost's .json or .ubj, LightGBM's .txt, or a graph as .kiln text",
    )
    p.add_argument("--target", default="host", help="what to compile for (default: host; see compiler.targets)")
    add_bind(p)
    p.add_argument("--passes", default="standard", metavar="TEXT", help="the pipeline (default: standard)")
    add_load(p, "PASSES, OPS, COMPUTES and SCHEDULES")
    p.add_argument("--jobs", type=positive, metavar="N", help="processes that compile (default: one per CPU)")
    return p


class _ByName(argparse.Action):
    """Appends pairs of a name and something to a list; a name given twice is wrong usage."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        given = list[tuple[str, object]](getattr(namespace, self.dest))
        name, value = cast("tuple[str, object]", values)
        if name in dict(given):
            raise argparse.ArgumentError(self, f"{name!r} is given twice")
        setattr(namespace, self.dest, [*given, (name, value)])


def add_input(p: argparse.ArgumentParser) -> None:
    """``--input NAME:SHAPE[:DTYPE]``, any number of times; ``options.input`` is a list of pairs."""
    p.add_argument(
        "--input",
        type=input_type,
        action=_ByName,
        default=[],
        metavar="NAME:SHAPE[:DTYPE]",
        help="shape of an input, such as image:1,3,224,224 or ids:1,128:i64; sets symbolic dimensions",
    )


def add_bind(p: argparse.ArgumentParser) -> None:
    """``--bind NAME=VALUE``, any number of times; ``options.bind`` is a list of pairs."""
    p.add_argument(
        "--bind",
        type=binding,
        action=_ByName,
        default=[],
        metavar="NAME=VALUE",
        help="fix an input: a number, a list such as [1,2], or @FILE.npy",
    )


def add_load(p: argparse.ArgumentParser, tables: str) -> None:
    """``--load FILE.py``, any number of times; ``tables`` names the tuples that the command uses."""
    p.add_argument(
        "--load",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.py",
        help=f"a file whose tuples {tables} are used too",
    )


def add_dynamic_batch(p: argparse.ArgumentParser) -> None:
    """``--dynamic-batch``, ``--no-dynamic-batch``, or neither: ``options.dynamic_batch`` is None then."""
    p.add_argument(
        "--dynamic-batch",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="take any number of rows (dimension 0); shapes are those of one row (default: for models of trees whose"
        " shapes are not given)",
    )


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def input_type(text: str) -> tuple[str, Sequence[int] | TensorType]:
    """``name:1,3,224,224`` or ``name:1,128:i64``; a name may contain colons, a scalar's shape is empty."""
    match = _INPUT.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:SHAPE[:DTYPE], such as image:1,3,224,224")
    shape = tuple(int(size) for size in match["shape"].split(",") if size)
    if match["dtype"] is None:
        return match["name"], shape
    if match["dtype"] not in _DTYPES:
        raise argparse.ArgumentTypeError(f"{match['dtype']!r} is no element type; there are {', '.join(_DTYPES)}")
    return match["name"], TensorType(_DTYPES[match["dtype"]], shape)


def binding(text: str) -> tuple[str, Array]:
    """``name=3``, ``name=[1,2]`` or ``name=@file.npy``."""
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        if value.startswith("@"):
            return name, np.load(value[1:], allow_pickle=False)
        return name, np.asarray(json.loads(value))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {os_error_text(error)}") from error
    except (ValueError, EOFError) as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
