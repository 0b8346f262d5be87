"""`Model`: a compiled model as a Python object.

Owns the checks of what a caller passes. Must not know file formats, nor of the C library more than `Context`.
"""

import os
import weakref
from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from runtime.artifact import Artifact, open_artifact, verify_all
from runtime.errors import ArtifactError, MissingTensorError, OutputBufferError, UnknownTensorError
from runtime.library import Context, KernelTime, Library
from runtime.manifest import LIBRARY, Manifest
from runtime.sessions import Sessions
from runtime.tensors import Array, Buffer, TensorSpec, address_of, random_arrays


class Model:
    """A compiled model, ready to run. Any number of threads may share one; see `runtime.sessions`."""

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None) -> None:
        """Open the artifact at `path`, a directory or a .tar.gz.

        `threads` is the number of threads of one run, the calling one included; None means as many as this
        process may use. Raises an ArtifactError: missing, damaged or truncated files, another CPU or C
        library.
        """
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be None or at least 1, not {threads}")
        self._artifact = open_artifact(path)
        manifest = self._artifact.manifest
        library = Library(self._artifact.directory, manifest.files[LIBRARY].sha256)
        self._sessions = Sessions(manifest.name, library, threads or 0)
        self._finalizer = weakref.finalize(self, self._sessions.close)
        self._inputs, self._outputs = library.inputs(), library.outputs()
        self._alignment, self._row_tile = library.io_alignment(), library.row_tile()
        try:
            self._check_interface()
            with self._sessions.context() as context:
                self._threads = context.threads()
        except BaseException:
            self.close()
            raise

    def _check_interface(self) -> None:
        said = (list(self.manifest.inputs.items()), list(self.manifest.outputs.items()))
        if said != (list(self._inputs.items()), list(self._outputs.items())):
            raise ArtifactError(
                self._artifact.directory, "manifest.json and model.so describe different inputs or outputs"
            )

    @property
    def artifact(self) -> Artifact:
        return self._artifact

    @property
    def manifest(self) -> Manifest:
        return self._artifact.manifest

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        """Name to dtype and shape, in the model's order; None is the dynamic batch, always dimension 0."""
        return MappingProxyType(self._inputs)

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        """Name to dtype and shape, in the model's order; None is the dynamic batch, always dimension 0."""
        return MappingProxyType(self._outputs)

    @property
    def row_tile(self) -> int:
        """How many rows of a dynamic batch are computed at once (multiples are fastest); 0 where shapes are fixed."""
        return self._row_tile

    @property
    def threads(self) -> int:
        """Threads of one run, the calling one included."""
        return self._threads

    def run(self, inputs: Mapping[str, ArrayLike], outputs: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Run the model; returns every output by name, in the model's order.

        `inputs` has exactly the model's names, with arrays of exactly its dtypes and shapes; a dynamic batch may have
        any number of rows, the same in all of them. C-contiguous arrays are read in place, others copied first.
        `outputs` may give arrays to be written in place (and returned); the rest are new. bfloat16 travels as uint16
        bits.

        Raises MissingTensorError, UnknownTensorError, TensorDtypeError, TensorShapeError, OutputBufferError,
        ModelClosedError.
        """
        context = self._sessions.borrow()
        try:
            sources, rows = self._bind_inputs(context, inputs)
            results = self._bind_outputs(context, outputs, sources, rows)
            context.run(rows)
        finally:
            self._sessions.give_back(context)
        return results

    def profile(self, inputs: Mapping[str, ArrayLike] | None = None, runs: int = 10) -> list[KernelTime]:
        """Run `runs` times and return the time of each kernel call, in execution order.

        Without `inputs`, seeded random ones are used. Each kernel is timed as the calling thread sees it. A dynamic
        batch runs on that thread alone, and kernels that its number of rows does not need have no runs.
        """
        given = random_arrays(self._inputs) if inputs is None else inputs
        with self._sessions.context() as context:
            sources, rows = self._bind_inputs(context, given)
            kept = sources, self._bind_outputs(context, None, sources, rows)
            context.run(rows)  # warms caches and page tables
            context.set_profiling(True)
            try:
                for _ in range(runs):
                    context.run(rows)
                return context.profile()
            finally:
                context.set_profiling(False)
                del kept  # what the context points to lives until here

    def verify(self) -> None:
        """Compare every file with its digest in the manifest; raises DamagedArtifactError."""
        verify_all(self._artifact)

    def close(self) -> None:
        """Free the model once no run uses it; later runs raise ModelClosedError."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Model {self.manifest.name!r} for {self.manifest.target.name}, {self._threads} threads>"

    def _bind_inputs(self, context: Context, given: Mapping[str, ArrayLike]) -> tuple[list[Array], int | None]:
        """Point `context` to the inputs; returns the arrays that must live as long, and the rows of a dynamic batch."""
        arrays: list[Array] = []
        rows: int | None = None
        for i, (name, spec) in enumerate(self._inputs.items()):
            try:
                array = np.asarray(given[name])
            except KeyError:
                raise MissingTensorError("input", name, list(given)) from None
            array = spec.checked("input", name, array, rows)
            if self._row_tile:
                rows = array.shape[0]
            address = address_of(array)
            if not array.flags.c_contiguous or address % self._alignment != 0:
                array, address = _copied(array)
            context.inputs[i] = address
            arrays.append(array)
        if len(given) != len(arrays):
            _refuse_unknown("input", given, self._inputs)
        return arrays, rows

    def _bind_outputs(
        self, context: Context, given: Mapping[str, Array] | None, sources: Sequence[Array], rows: int | None
    ) -> dict[str, Array]:
        """Point `context` to the outputs, those given and new ones; returns them by name."""
        results: dict[str, Array] = {}
        if given:
            self._check_outputs(given, sources, rows)
        for i, (name, spec) in enumerate(self._outputs.items()):
            if given and name in given:
                array = given[name]
                address = address_of(array)
            else:
                array, address = spec.allocate(rows)
            context.outputs[i] = address
            results[name] = array
        return results

    def _check_outputs(self, given: Mapping[str, Array], sources: Sequence[Array], rows: int | None) -> None:
        _refuse_unknown("output", given, self._outputs)
        for name, array in given.items():
            others = [*sources, *(a for n, a in given.items() if n != name)]
            self._check_writable(name, self._outputs[name].checked("output", name, array, rows), others)

    def _check_writable(self, name: str, array: Array, others: Sequence[Array]) -> None:
        if not array.flags.writeable:
            raise OutputBufferError(name, "the array is read-only")
        if not array.flags.c_contiguous:
            raise OutputBufferError(name, "the array is not C-contiguous")
        if address_of(array) % self._alignment != 0:
            raise OutputBufferError(name, f"the array's data is not aligned to {self._alignment} bytes")
        if any(np.may_share_memory(array, other) for other in others):
            raise OutputBufferError(name, "the array overlaps an input or another output")


def _copied(array: Array) -> Buffer:
    """A copy that kernels can read: in row-major order, and aligned."""
    copy, address = TensorSpec(array.dtype.name, array.shape).allocate()
    copy[...] = array
    return copy, address


def _refuse_unknown(kind: str, given: Mapping[str, object], known: Mapping[str, TensorSpec]) -> None:
    for name in given:
        if name not in known:
            raise UnknownTensorError(kind, name, list(known))
