"""The engines that the benchmark can run, one module each, found by name in one table.

A module is imported only when its engine is asked for: each brings a heavy package, and a missing package
must be reported and not hide the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from bench.peers.child import TIMEOUT_S

Arrays = Mapping[str, NDArray[np.generic]]

# Runs a loaded model once: inputs by name to outputs by name.
Session = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Refreshed:
    """A session of an engine that keeps results: `refresh` makes it forget, before every run and outside its time."""

    run: Session
    refresh: Callable[[Arrays], None]

    def __call__(self, inputs: Arrays) -> Arrays:
        return self.run(inputs)


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


@dataclass(frozen=True)
class ForestFile:
    """A forest as XGBoost (`.json`) or LightGBM (`.txt`) writes it, and what engines may know when they prepare."""

    path: Path
    features: int
    sample: Path
    """An .npz file with rows like those of the training, `DATA f32[n, features]`."""
    limit_seconds: float = TIMEOUT_S
    """What a converter or compiler in a process of its own may take."""


class ForestPeer(Protocol):
    """What a module of a peer provides that runs forests; `load` takes `DATA` and gives `PREDICTION`."""

    def version(self) -> str:
        """The engine's version, for the report."""
        ...

    def prepare_forest(self, model: ForestFile, directory: Path, target: str) -> Path:
        """What the engine loads. Runs before anything is measured, in the process that drives the benchmark.

        Raises RefusedForest, or what the engine's own converter raises.
        """
        ...

    def load(self, prepared: Path, threads: int) -> Session:
        """A session on so many threads. Runs in the measured process."""
        ...


DATA = "data"
"""The input of forests, `f32[rows, features]`."""
PREDICTION = "prediction"
"""Their output, `f32[rows]` or `f32[rows, outputs]`."""
LIGHTGBM_SUFFIX = ".txt"


class RefusedForest(ValueError):
    """A forest that an engine does not run."""


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

FOREST_PEERS: Mapping[str, str] = {
    "kiln": "bench.peers.kiln",
    "xgboost": "bench.peers.xgboost",
    "onnxruntime": "bench.peers.onnxruntime",
    "tl2cgen": "bench.peers.tl2cgen",
    "treelite": "bench.peers.treelite",
    "onedal": "bench.peers.onedal",
    "lightgbm": "bench.peers.lightgbm",
}
"""The same of those that run forests: their modules are a ForestPeer."""

DEFAULTS = ("onnxruntime", "openvino")
FOREST_DEFAULTS = ("xgboost", "onnxruntime")
"""Beside Kiln, where the user names none."""

LIGHT = frozenset({"kiln", "onnxruntime", "openvino", "tvm", "xgboost"})
"""The peers that the extra `bench` brings, or Kiln itself; the others come with `bench-all` and `bench-forest`."""


class UnknownPeer(ValueError):
    """A name that is not in the table."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no peer named {name!r}; known: {', '.join(dict.fromkeys((*PEERS, *FOREST_PEERS)))}")


class MissingPeer(RuntimeError):
    """A peer whose package is not installed, or cannot be imported here."""

    def __init__(self, name: str, cause: Exception) -> None:
        extra = "bench" if name in LIGHT else "bench-forest" if name in FOREST_PEERS else "bench-all"
        what = "is not installed" if isinstance(cause, ImportError) else "cannot be imported"
        super().__init__(f"{name} {what} ({cause}); pip install 'kiln-compiler[{extra}]'")


def peer(name: str) -> Peer:
    """The peer of that name; raises UnknownPeer or MissingPeer."""
    return cast(Peer, _module(name))


def forest_peer(name: str) -> ForestPeer:
    """The peer of that name, which runs forests; raises UnknownPeer or MissingPeer."""
    if name not in FOREST_PEERS:
        raise UnknownPeer(name)
    return cast(ForestPeer, _module(name))


def _module(name: str) -> object:
    modules = {**FOREST_PEERS, **PEERS}
    if name not in modules:
        raise UnknownPeer(name)
    try:
        return importlib.import_module(modules[name])
    except Exception as cause:  # packages that do not fit each other raise anything
        raise MissingPeer(name, cause) from cause
