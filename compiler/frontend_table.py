"""Which module reads which kind of model: the table of frontends. A row's module is imported on a match
only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


class UnknownModelError(ValueError):
    """No frontend reads this kind of model."""


@dataclass(frozen=True)
class Frontend:
    """One source framework.

    ``module`` has ``load(source, *, inputs, bind) -> Graph`` and ``serialized(source) -> bytes``, what identifies the
    model. ``oracle``, if there is one, has ``run(source,
    inputs) -> (outputs, authority)``, the framework's own results. ``package`` is the framework's Python
    package, whose objects are models too; ``requirement`` the distribution whose version decides what an
    oracle says. ``by_row``: its models compute each row by itself, so that the batch stays open unless a user sets it;
    without shapes, ``load`` gives the graph of one row.
    """

    name: str
    module: str
    oracle: str | None
    suffixes: tuple[str, ...]
    package: str
    requirements: tuple[str, ...]
    by_row: bool = False


FRONTENDS: tuple[Frontend, ...] = (
    Frontend(
        name="ONNX",
        module="frontends.onnx",
        oracle="frontends.onnx.oracle",
        suffixes=(".onnx",),
        package="onnx",
        requirements=("onnx", "onnxruntime"),
    ),
    Frontend(
        name="XGBoost",
        module="frontends.xgboost",
        oracle="frontends.xgboost.oracle",
        suffixes=(".json", ".ubj"),
        package="xgboost",
        requirements=("xgboost",),
        by_row=True,
    ),
)


def frontend_for(model: object) -> Frontend:
    """The frontend of a path or of a framework's object. Raises UnknownModelError.

    A path whose suffix says nothing is taken for ONNX, since that has no magic number to look for; its reader
    says so if it is not.
    """
    if isinstance(model, str | os.PathLike):
        suffix = Path(model).suffix.lower()
        return next((row for row in FRONTENDS if suffix in row.suffixes), FRONTENDS[0])
    if isinstance(model, bytes):
        return FRONTENDS[0]
    module = f"{type(model).__module__}."
    for row in FRONTENDS:
        if module.startswith((f"{row.package}.", f"{row.module}.")):
            return row
    known = ", ".join(f"{row.name} ({', '.join(row.suffixes)})" for row in FRONTENDS)
    raise UnknownModelError(f"a {type(model).__module__}.{type(model).__name__} is no model; known are {known}")
