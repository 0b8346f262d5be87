"""The engines that the benchmark can run, one module each, found by name in one table.

A module is imported only when its engine is asked for: each brings a heavy package, and a missing package
must be reported and not hide the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]

# Runs a loaded model once: inputs by name to outputs by name.
Session = Callable[[Arrays], Arrays]


class Peer(Protocol):
    """What a peer's module provides, as functions of these names."""

    def version(self) -> str:
        """The engine's version, for the report."""
        ...

    def prepare(self, model: Path, directory: Path, target: str) -> Path:
        """What the engine loads, made from an ONNX file in which all dimensions are known.

        An engine that compiles builds for `target`, a name of Kiln's table. Runs before anything is measured, in the
        process that drives the benchmark.
        """
        ...

    def load(self, prepared: Path, threads: int) -> Session:
        """A session on so many threads. Runs in the measured process."""
        ...

    def runtime_files(self) -> list[Path]:
        """The files of the engine that a device needs beside the model."""
        ...


# The name on the command line, and the module that implements it.
PEERS: Mapping[str, str] = {
    "kiln": "bench.peers.kiln",
    "onnxruntime": "bench.peers.onnxruntime",
    "openvino": "bench.peers.openvino",
    "ncnn": "bench.peers.ncnn",
    "tvm": "bench.peers.tvm",
    "torch": "bench.peers.torch",
    "torch-compile": "bench.peers.torch_compile",
}

LIGHT = frozenset({"kiln", "onnxruntime", "openvino", "tvm"})
"""The peers that the extra `bench` brings, or Kiln itself; the others come with `bench-all`."""


class UnknownPeer(ValueError):
    """A name that is not in the table."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no peer named {name!r}; known: {', '.join(PEERS)}")


class MissingPeer(RuntimeError):
    """A peer whose package is not installed, or cannot be imported here."""

    def __init__(self, name: str, cause: Exception) -> None:
        extra = "bench" if name in LIGHT else "bench-all"
        what = "is not installed" if isinstance(cause, ImportError) else "cannot be imported"
        super().__init__(f"{name} {what} ({cause}); pip install 'kiln-compiler[{extra}]'")


def peer(name: str) -> Peer:
    """The peer of that name; raises UnknownPeer or MissingPeer."""
    if name not in PEERS:
        raise UnknownPeer(name)
    try:
        return cast(Peer, importlib.import_module(PEERS[name]))
    except Exception as cause:  # packages that do not fit each other raise anything
        raise MissingPeer(name, cause) from cause
