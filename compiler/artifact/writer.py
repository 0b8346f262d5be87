"""Writes an artifact: a directory with the library, the weights, the manifest, the golden vectors and kiln.h.

Owns which file holds what; the formats are the runtime's. Writes into a folder of the caller's, who puts it
in place.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from compiler.artifact.golden import write_golden
from compiler.artifact.weights import weight_pieces
from compiler.codegen.csource import WeightsDigest
from compiler.codegen.plan import Plan
from compiler.ir import DType, TensorType
from compiler.ir.literal import Array
from compiler.targets import Target
from runtime.digest import sha256_file
from runtime.jsonfields import Json
from runtime.manifest import (
    GOLDEN,
    HEADER,
    MANIFEST,
    FileEntry,
    KernelEntry,
    Manifest,
    TargetInfo,
    Tolerance,
)
from runtime.manifest import WEIGHTS as WEIGHTS_FILE
from runtime.sources import PUBLIC_HEADER
from runtime.tensors import TensorSpec
from runtime.weights import write_weights

_DTYPE_NAMES = {
    DType.F16: "float16",
    DType.BF16: "bfloat16",
    DType.F32: "float32",
    DType.F64: "float64",
    DType.I8: "int8",
    DType.I16: "int16",
    DType.I32: "int32",
    DType.I64: "int64",
    DType.U8: "uint8",
    DType.U16: "uint16",
    DType.U32: "uint32",
    DType.U64: "uint64",
    DType.BOOL: "bool",
}


def tensor_spec(type_: TensorType, *, dynamic: bool = False) -> TensorSpec:
    """A type in the runtime's words; ``dynamic``: with a dimension 0 that the caller chooses."""
    return TensorSpec(_DTYPE_NAMES[type_.dtype], (None, *type_.shape[1:]) if dynamic else type_.shape)


def write_constants(folder: Path, plan: Plan) -> WeightsDigest:
    """Write weights.bin, and say what the plan must repeat of it."""
    info = write_weights(folder / WEIGHTS_FILE, weight_pieces(plan))
    return WeightsDigest(info.payload_bytes, info.sha256)


def write_vectors(folder: Path, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
    """Write the golden vectors."""
    write_golden(folder / GOLDEN, inputs, outputs)


def write_manifest(
    folder: Path,
    plan: Plan,
    target: Target,
    glibc: str | None,
    tolerance: Tolerance,
    versions: Mapping[str, str],
    provenance: Mapping[str, Json],
) -> Manifest:
    """Copy kiln.h, then describe all files of ``folder`` in manifest.json; the last step of writing an
    artifact."""
    shutil.copyfile(PUBLIC_HEADER, folder / HEADER)
    files = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
    dynamic = plan.batch is not None
    manifest = Manifest(
        name=plan.name,
        inputs={name: tensor_spec(type_, dynamic=dynamic) for name, type_ in plan.inputs},
        outputs={name: tensor_spec(type_, dynamic=dynamic) for name, type_ in plan.outputs},
        target=TargetInfo(target.name, target.gnu_triple, target.features, glibc),
        files={path.name: FileEntry(sha256_file(path), path.stat().st_size) for path in files},
        arena_bytes=max(program.arena_bytes for program in plan.programs),
        tolerance=tolerance,
        versions=versions,
        kernels=tuple(
            KernelEntry(call.name, call.flops, call.bytes) for program in plan.programs for call in program.calls
        ),
        provenance=provenance,
    )
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest
