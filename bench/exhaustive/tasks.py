"""The tasks whose spaces are measured: sums of products of known networks, by model and shape."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx

import compiler
from bench.inputs import with_known_shapes
from bench.kernels.work import contractions
from bench.models.catalog import make_model
from compiler.codegen.plan import graph_tasks
from compiler.ir import Task
from compiler.passes import PassManager
from compiler.targets import Target


class UnknownTask(ValueError):
    """No kernel of a network has such a shape; the message lists those that it has."""

    def __init__(self, name: str, shapes: Sequence[str]) -> None:
        super().__init__(f"no task {name!r}; the model's are {', '.join(map(repr, shapes))}")


@dataclass(frozen=True)
class NamedTask:
    """A task and what it is called: ``MODEL:SHAPE``, as ``bench.static`` prints shapes."""

    name: str
    task: Task

    @property
    def slug(self) -> str:
        """The name as part of a file's."""
        return re.sub(r"[^A-Za-z0-9]+", "-", self.name).strip("-")


def find_tasks(names: Sequence[str], target: Target, zoo: Path) -> list[NamedTask]:
    """The tasks of an untuned build for ``target``; of several with one shape, the first.

    Raises UnknownTask, UnknownModel, MissingZoo.
    """
    models = dict.fromkeys(name.partition(":")[0] for name in names)
    tasks = {model: tasks_of(model, target, zoo) for model in models}
    found: list[NamedTask] = []
    for name in names:
        model, _, shape = name.partition(":")
        if shape not in tasks[model]:
            raise UnknownTask(name, tuple(tasks[model]))
        found.append(NamedTask(name, tasks[model][shape]))
    return found


def tasks_of(model: str, target: Target, zoo: Path) -> dict[str, Task]:
    """The sums of products of a network, by their shapes, in the order of their first call."""
    with tempfile.TemporaryDirectory(prefix="kiln-exhaustive-") as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(with_known_shapes(make_model(model, zoo)), path)
        graph = PassManager.parse("standard").run(compiler.load(path), target)
    found: dict[str, Task] = {}
    for task in graph_tasks(graph).values():
        if shape := ", ".join(contraction.shape for contraction in contractions(task.graph())):
            found.setdefault(shape, task)
    return found


STANDARD = (
    "mobilenetv2:64<-192 1x1/1 14x14",
    "mobilenetv2:160<-576 1x1/1 7x7",
    "mobilenetv2:64<-384 1x1/1 14x14",
    "mobilenetv2:160<-960 1x1/1 7x7",
    "mobilenetv2:96<-384 1x1/1 14x14",
    "mobilenetv2:960<-160 1x1/1 7x7",
    "mobilenetv2:96<-576 1x1/1 14x14",
    "mobilenetv2:320<-960 1x1/1 7x7",
    "resnet50:512<-2048 1x1/1 7x7",
    "resnet50:512<-512 3x3/2 7x7",
    "resnet50:2048<-512 1x1/1 7x7",
    "resnet50:256<-1024 1x1/1 14x14",
    "encoder:128x1024x256",
    "encoder:128x256x256",
)
"""Convolutions and matrix products that take less than 2 ms each and have 500 points or more."""
