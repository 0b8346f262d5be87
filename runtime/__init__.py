"""Kiln's runtime: loads a compiled artifact and runs it. Needs numpy only; never imports the compiler.

import runtime
with runtime.Model("model.tar.gz", threads=2) as model:
    outputs = model.run({"input": x})
"""

from runtime.errors import (
    ArchiveError,
    ArtifactError,
    ArtifactNotFoundError,
    CacheError,
    DamagedArtifactError,
    KilnError,
    ManifestError,
    MissingTensorError,
    ModelClosedError,
    NativeError,
    OutputBufferError,
    SelftestError,
    TargetMismatchError,
    TensorDtypeError,
    TensorError,
    TensorShapeError,
    UnknownTensorError,
)
from runtime.library import KernelTime
from runtime.manifest import Manifest
from runtime.model import Model
from runtime.tensors import TensorSpec

__version__ = "0.1.0"

__all__ = [
    "ArchiveError",
    "ArtifactError",
    "ArtifactNotFoundError",
    "CacheError",
    "DamagedArtifactError",
    "KernelTime",
    "KilnError",
    "Manifest",
    "ManifestError",
    "MissingTensorError",
    "Model",
    "ModelClosedError",
    "NativeError",
    "OutputBufferError",
    "SelftestError",
    "TargetMismatchError",
    "TensorDtypeError",
    "TensorError",
    "TensorShapeError",
    "TensorSpec",
    "UnknownTensorError",
    "__version__",
]
