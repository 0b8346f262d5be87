"""The standard networks: architectures that the benchmark measures, without their weights.

``NAME.kiln.xz`` is the graph of a network as it is before passes ask about the target; in the place of a digest, a
constant has a number, and gets values of its own when the graph is read: what tuning needs is shapes, and that no two
constants are the same. ``python -m bench.workloads`` writes these files.
"""

from __future__ import annotations

import hashlib
import lzma
import re
from functools import cached_property
from pathlib import Path

import numpy as np

from compiler.ir import DType, Graph, TensorType
from compiler.ir.literal import Literal
from compiler.ir.parser import parse_graph

FOLDER = Path(__file__).parent
SUFFIX = ".kiln.xz"
FIRST_PASS = "pack-weights"
"""The pass of the standard pipeline that is the first to see these graphs."""

_CONSTANT = re.compile(r"dense<(?P<dtype>[a-z]+\d*)\[(?P<shape>[\d,]*)\]: sha256:(?P<digest>[0-9a-f]{64})>")


def network_names() -> list[str]:
    """What ``load_network`` takes."""
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))


def load_network(name: str, folder: Path = FOLDER) -> Graph:
    """A standard network. Raises KeyError."""
    path = folder / f"{name}{SUFFIX}"
    if not path.is_file():
        raise KeyError(name)
    text = lzma.decompress(path.read_bytes()).decode()
    return parse_graph(text, {match["digest"]: _constant(match) for match in _CONSTANT.finditer(text)})


def save_network(graph: Graph, name: str, folder: Path = FOLDER) -> Path:
    """Write the graph of a network, without the values of its constants but for small ones."""
    numbers: dict[str, str] = {}

    def numbered(match: re.Match[str]) -> str:
        number = numbers.setdefault(match["digest"], f"{len(numbers):064x}")
        return match[0].replace(match["digest"], number)

    path = folder / f"{name}{SUFFIX}"
    path.write_bytes(lzma.compress(_CONSTANT.sub(numbered, str(graph)).encode(), preset=9))
    return path


class _Uniform(Literal):
    """A literal of one value for all elements, which takes no memory to speak of. No other literal equals it."""

    def __init__(self, type_: TensorType, value: float) -> None:
        self.dtype = type_.dtype
        self.array = np.broadcast_to(np.asarray(value, type_.dtype.numpy), type_.shape)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.type} of {self.array.flat[0]!r}".encode()).hexdigest()


def _constant(match: re.Match[str]) -> Literal:
    """A constant whose elements have a value that no other constant has; integers, which may be positions, are 0."""
    dtype = DType(match["dtype"])
    shape = tuple(int(size) for size in match["shape"].split(",") if size)
    return _Uniform(TensorType(dtype, shape), 1 + int(match["digest"], 16) / 1024 if dtype.numpy.kind == "f" else 0)
