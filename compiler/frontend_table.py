"""Which module reads which kind of model: the table of frontends.

A module is imported only when a model matches its row.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


class UnknownModelError(ValueError):
    """No frontend reads this kind of model."""


@dataclass(frozen=True)
class Frontend:
    """One source framework."""

    name: str
    """What messages call it."""
    module: str
    """Has ``load(source, *, inputs, bind) -> Graph``, and ``serialized(source) -> bytes`` to know a model again by."""
    oracle: str | None
    """A module with ``run(source, inputs) -> (outputs, authority)``, the framework's own results; None if there is
    none."""
    suffixes: tuple[str, ...]
    """Suffixes of its files, in lower case."""
    beginnings: tuple[bytes, ...]
    """The first bytes of its files, asked for where a suffix says nothing."""
    package: str
    """Its Python package, whose objects are models too."""
    requirements: tuple[str, ...]
    """Distributions whose versions decide what the oracle says."""
    by_row: bool = False
    """Whether its models compute each row by itself. The batch stays open then unless a user sets it, and ``load``
    without shapes gives the graph of one row."""


PICKLES = (".pkl", ".pickle", ".joblib")
"""Suffixes of files that are programs rather than data: loading one runs what is in it."""

_ABOUT_PICKLES = """{path}: a pickle runs code when it is loaded, so this command does not. If you trust it, use Python:
  import joblib, compiler
  model = joblib.load({quoted})
  compiler.compile(model).save("{name}.tar.gz")"""

OTHER_FORMATS = {
    (".tflite", ".lite"): "TensorFlow Lite",
    (".h5", ".hdf5", ".keras"): "Keras",
    (".pt", ".pth", ".th", ".pt2", ".safetensors"): "PyTorch",
    (".caffemodel", ".prototxt"): "Caffe",
    (".mlmodel", ".mlpackage"): "Core ML",
    (".cfg", ".weights"): "Darknet",
    (".pmml",): "PMML",
}
"""What files with these suffixes surely are, none of which a frontend reads."""

FRONTENDS: tuple[Frontend, ...] = (
    Frontend(
        name="ONNX",
        module="frontends.onnx",
        oracle="frontends.onnx.oracle",
        suffixes=(".onnx",),
        beginnings=(),
        package="onnx",
        requirements=("onnx", "onnxruntime"),
    ),
    Frontend(
        name="XGBoost",
        module="frontends.xgboost",
        oracle="frontends.xgboost.oracle",
        suffixes=(".json", ".ubj"),
        beginnings=(b"{", b"binf"),
        package="xgboost",
        requirements=("xgboost",),
        by_row=True,
    ),
    Frontend(
        name="LightGBM",
        module="frontends.lightgbm",
        oracle="frontends.lightgbm.oracle",
        suffixes=(".txt",),
        beginnings=(b"tree\n", b"tree\r\n"),
        package="lightgbm",
        requirements=("lightgbm",),
        by_row=True,
    ),
    Frontend(
        name="scikit-learn",
        module="frontends.sklearn",
        oracle="frontends.sklearn.oracle",
        suffixes=(),
        beginnings=(),
        package="sklearn",
        requirements=("scikit-learn",),
        by_row=True,
    ),
)


def frontend_for(model: object) -> Frontend:
    """The frontend of a path or of a framework's object. Raises UnknownModelError.

    A file whose suffix and first bytes say nothing is taken for ONNX, since that has no magic number to look for; its
    reader says so if it is not.
    """
    if isinstance(model, str | os.PathLike):
        path = Path(model)
        if path.suffix.lower() in PICKLES:
            raise UnknownModelError(_ABOUT_PICKLES.format(path=path, quoted=repr(str(path)), name=path.stem))
        if other := next((name for suffixes, name in OTHER_FORMATS.items() if path.suffix.lower() in suffixes), None):
            raise UnknownModelError(f"{path}: a file of {other}, which Kiln does not read; export the model to ONNX")
        by_suffix = next((row for row in FRONTENDS if path.suffix.lower() in row.suffixes), None)
        return by_suffix or _by_content(_beginning(path))
    if isinstance(model, bytes):
        return _by_content(model)
    module = f"{type(model).__module__}."
    for row in FRONTENDS:
        if module.startswith((f"{row.package}.", f"{row.module}.")):
            return row
    raise UnknownModelError(f"a {type(model).__module__}.{type(model).__name__} is no model; known are {_known()}")


def about_unknown_name(model: object) -> str:
    """What to say beside an error about a file that was taken for ONNX for want of anything else; empty for others."""
    if not isinstance(model, str | os.PathLike) or not Path(model).is_file():
        return ""
    path = Path(model)
    if any(path.suffix.lower() in row.suffixes for row in FRONTENDS) or _beginning(path).startswith(
        tuple(beginning for row in FRONTENDS for beginning in row.beginnings)
    ):
        return ""
    files = ", ".join(f"{row.name} ({', '.join(row.suffixes)})" for row in FRONTENDS if row.suffixes)
    return f"; Kiln reads {files}"


def _known() -> str:
    return ", ".join(f"{row.name} ({', '.join(row.suffixes) or 'objects'})" for row in FRONTENDS)


def _by_content(data: bytes) -> Frontend:
    return next((row for row in FRONTENDS if data.startswith(row.beginnings)), FRONTENDS[0])


def _beginning(path: Path) -> bytes:
    """The first bytes of a file; none of one that cannot be read, which its reader reports."""
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError:
        return b""
