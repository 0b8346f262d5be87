"""A model as the user gives it: loading it, identifying its content, and asking its framework for right
results."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from compiler.errors import os_error_text
from compiler.frontend_table import Frontend, about_unknown_name, frontend_for
from compiler.ir import ROW_MAJOR, Graph, Op, TensorType, evaluate, load_graph
from compiler.ir.literal import Array
from compiler.verification import Answer
from frontends.errors import UnreadableModel
from runtime.digest import sha256_file

TEXT_SUFFIX = ".kiln"


class LoadError(Exception):
    """The model cannot be read or compiled; the message names the file or the node, and the cause."""


class OracleError(Exception):
    """No source framework can say what the outputs should be."""


class _FrontendModule(Protocol):
    def load(self, source: object, *, inputs: object, bind: object) -> Graph: ...

    def serialized(self, source: object) -> bytes: ...


class _OracleModule(Protocol):
    def run(self, source: object, inputs: Mapping[str, Array]) -> tuple[dict[str, Array], str]: ...


@dataclass(frozen=True)
class Source:
    """``model``: a path, a framework's object, or a Graph; with shapes and fixed values for some of its
    inputs."""

    model: object
    inputs: Mapping[str, Sequence[int] | TensorType] = field(default_factory=dict)
    bind: Mapping[str, Array] = field(default_factory=dict)
    ops: tuple[type[Op], ...] = ()

    @property
    def label(self) -> str:
        """What to call the model in messages."""
        return str(self.model) if isinstance(self.model, str | os.PathLike) else f"the {type(self.model).__name__}"

    @property
    def _frontend(self) -> Frontend | None:
        """None for our own forms, a Graph or its text."""
        text = isinstance(self.model, str | os.PathLike) and Path(self.model).suffix == TEXT_SUFFIX
        return None if text or isinstance(self.model, Graph) else frontend_for(self.model)

    @property
    def leaves_batch_open(self) -> bool:
        """Whether nothing sets the number of rows of a model that computes each row by itself."""
        frontend = self._frontend
        return frontend is not None and frontend.by_row and not self.inputs and not self.bind

    def load(self) -> Graph:
        """The graph. Raises LoadError."""
        try:
            graph = self._read()
            self._check_types(graph)
            _check_layouts(graph)
        except UnreadableModel as error:
            raise LoadError(_message(self.label, error) + about_unknown_name(self.model)) from error
        except (ValueError, OSError) as error:
            raise LoadError(_message(self.label, error)) from error
        return graph

    def _read(self) -> Graph:
        frontend = self._frontend
        if frontend is not None:
            shapes = {name: _shape(given) for name, given in self.inputs.items()}
            return _module_of(frontend).load(self.model, inputs=shapes or None, bind=dict(self.bind) or None)
        if self.bind:
            raise ValueError("the inputs of a graph cannot be bound")
        return self.model if isinstance(self.model, Graph) else load_graph(Path(str(self.model)), self.ops)

    def _check_types(self, graph: Graph) -> None:
        """What the user states of inputs must be so: a frontend sets open dimensions, but no element type, and
        a graph of ours has all of them."""
        types = dict(zip(graph.input_names, (value.type for value in graph.inputs), strict=True))
        for name, given in self.inputs.items():
            if name not in types:
                raise ValueError(f"the graph has no input {name!r}; its inputs are {', '.join(map(repr, types))}")
            if _shape(given) != types[name].shape:
                raise ValueError(f"input {name!r} is {types[name]}, not of shape {list(_shape(given))}")
            if isinstance(given, TensorType) and given.dtype is not types[name].dtype:
                raise ValueError(f"input {name!r} is {types[name].dtype.value}, not {given.dtype.value}")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the model as given (a file's content, an object's serialization)."""
        if isinstance(self.model, str | os.PathLike):
            return sha256_file(Path(self.model))
        frontend = self._frontend
        data = str(self.model).encode() if frontend is None else _module_of(frontend).serialized(self.model)
        return hashlib.sha256(data).hexdigest()

    def oracle_key(self, graph: Graph) -> str:
        """What decides an oracle's answer: the model, what is bound, and the versions of those that are
        asked.

        The imported graph stands in for data outside of the model's file, whose digests are in its text.
        """
        versions = [_version(name) for name in (self._frontend.requirements if self._frontend else ())]
        state = hashlib.sha256("\n".join([self.digest, *versions, str(graph)]).encode())
        for name, array in sorted(self.bind.items()):
            state.update(f"{name} {np.asarray(array).dtype} {np.shape(array)}".encode() + np.asarray(array).tobytes())
        return state.hexdigest()

    def ask(self, graph: Graph, inputs: Mapping[str, Array]) -> Answer:
        """The framework's outputs; those of the reference interpreter where there is no framework. Raises
        OracleError."""
        frontend = self._frontend
        if frontend is None or frontend.oracle is None:
            return Answer(evaluate(graph, inputs), "the reference interpreter")
        module = cast("_OracleModule", importlib.import_module(frontend.oracle))
        try:
            outputs, authority = module.run(self.model, {**self.bind, **inputs})
        except ValueError as error:
            raise OracleError(f"{self.label}: {error}") from error
        return Answer({name: outputs[name] for name in graph.output_names}, authority)


def _module_of(frontend: Frontend) -> _FrontendModule:
    return cast("_FrontendModule", importlib.import_module(frontend.module))


def _check_layouts(graph: Graph) -> None:
    """What callers pass and get has no padding: only values inside may have a blocked layout."""
    names, values = (*graph.input_names, *graph.output_names), (*graph.inputs, *graph.outputs)
    for name, value in zip(names, values, strict=True):
        if value.type.layout != ROW_MAJOR:
            raise ValueError(f"{name!r} is {value.type}: inputs and outputs of a model must be row-major")


def _shape(given: Sequence[int] | TensorType) -> tuple[int, ...]:
    return given.shape if isinstance(given, TensorType) else tuple(given)


def _version(distribution: str) -> str:
    try:
        return f"{distribution} {importlib.metadata.version(distribution)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {distribution}"


def _message(label: str, error: Exception) -> str:
    """The cause, which begins with the file's name in any case."""
    text = os_error_text(error) if isinstance(error, OSError) else str(error)
    return text if label in text or Path(label).name in text else f"{label}: {text}"
