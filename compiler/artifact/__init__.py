"""From a plan and its kernels to files: linking, writing, saving in one step. Sees the runtime, whose
formats it writes."""

from compiler.artifact.artifact import (
    ARCHIVE_SUFFIX,
    Artifact,
    BuildReport,
    SaveError,
    check_destination,
    check_report,
)
from compiler.artifact.library import compile_cached, link_model
from compiler.artifact.staging import Staging
from compiler.artifact.writer import tensor_spec, write_constants, write_manifest, write_vectors

__all__ = [
    "ARCHIVE_SUFFIX",
    "Artifact",
    "BuildReport",
    "SaveError",
    "Staging",
    "check_destination",
    "check_report",
    "compile_cached",
    "link_model",
    "tensor_spec",
    "write_constants",
    "write_manifest",
    "write_vectors",
]
