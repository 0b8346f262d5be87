"""Graphs on disk: ``NAME.kiln`` holds the text, ``NAME.kiln.npz`` the constants and forests that are not inline, by
digest."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest import Forest, from_arrays, to_arrays
from compiler.ir.graph import Graph
from compiler.ir.literal import Array, Literal
from compiler.ir.op import Op
from compiler.ir.ops.constant import Constant
from compiler.ir.parser import parse_graph
from compiler.ir.printer import print_graph


class SideFileError(ValueError):
    """A side file of constants that cannot be read."""


def save_graph(graph: Graph, path: Path) -> None:
    """Write the text and, if any constant or forest is not inline, the side file beside it."""
    # The element type is in the key: bfloat16 and uint16 have the same storage.
    arrays = {f"{literal.dtype.value}-{literal.digest}": literal.array for literal in outlined_literals(graph)}
    for forest in outlined_forests(graph):
        arrays |= {f"forest-{forest.digest}-{name}": array for name, array in to_arrays(forest).items()}
    if arrays:
        with side_file(path).open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
    path.write_text(print_graph(graph), encoding="utf-8")


def load_graph(path: Path, ops: Iterable[type[Op]] = ()) -> Graph:
    """Read a graph written by ``save_graph``. Raises ParseError, SideFileError or OSError."""
    literals: dict[str, Literal] = {}
    forests: dict[str, Forest] = {}
    if side_file(path).exists():
        try:
            parts: dict[str, dict[str, Array]] = {}
            with np.load(side_file(path), allow_pickle=False) as arrays:
                for key in arrays.files:
                    kind, digest, *field = key.split("-")
                    if kind == "forest" and field:
                        parts.setdefault(digest, {})[field[0]] = arrays[key]
                    else:
                        literals[digest] = Literal(arrays[key], DType(kind))
            forests = {digest: from_arrays(fields) for digest, fields in parts.items()}
        except (ValueError, zipfile.BadZipFile, EOFError) as error:
            raise SideFileError(f"{side_file(path)}: not a file of constants ({error})") from error
    return parse_graph(path.read_text(encoding="utf-8"), literals, ops, forests)


def side_file(path: Path) -> Path:
    """Where the constants of the graph at ``path`` are kept."""
    return path.with_name(path.name + ".npz")


def outlined_literals(graph: Graph) -> Iterator[Literal]:
    """The literals, regions included, that text refers to by digest."""
    for node in graph:
        if isinstance(node.op, Constant) and not node.op.value.is_inline:
            yield node.op.value
        for region in node.regions:
            yield from outlined_literals(region)


def outlined_forests(graph: Graph) -> Iterator[Forest]:
    """The forests, regions included, that text refers to by digest."""
    for node in graph:
        for field in dataclasses.fields(node.op):
            value = getattr(node.op, field.name)
            if isinstance(value, Forest) and not value.is_inline:
                yield value
        for region in node.regions:
            yield from outlined_forests(region)
