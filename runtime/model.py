"""`Model`: a compiled model as a Python object.

Owns what a model is to its users. Must not know file formats, nor of the C library more than `Library`.
"""

import os
import weakref
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Self

from numpy.typing import ArrayLike

from runtime.artifact import Artifact, open_artifact, verify_all
from runtime.errors import ArtifactError
from runtime.library import KernelTime, Library
from runtime.manifest import LIBRARY, Manifest
from runtime.session import Interface, Session
from runtime.sessions import Sessions
from runtime.tensors import Array, TensorSpec, random_arrays


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
        self._interface = Interface.of(library)
        make = partial(Session, library, self._interface, threads or 0)
        self._sessions = Sessions(manifest.name, library, make)
        self._finalizer = weakref.finalize(self, self._sessions.close)
        try:
            self._check_interface()
            with self._sessions.session() as session:
                self._threads = session.context.threads()
        except BaseException:
            self.close()
            raise

    def _check_interface(self) -> None:
        said = (list(self.manifest.inputs.items()), list(self.manifest.outputs.items()))
        if said != (list(self.inputs.items()), list(self.outputs.items())):
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
        return MappingProxyType(self._interface.inputs)

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        """Name to dtype and shape, in the model's order; None is the dynamic batch, always dimension 0."""
        return MappingProxyType(self._interface.outputs)

    @property
    def row_tile(self) -> int:
        """How many rows of a dynamic batch are computed at once (multiples are fastest); 0 where shapes are fixed."""
        return self._interface.row_tile

    @property
    def threads(self) -> int:
        """Threads of one run, the calling one included."""
        return self._threads

    def run(self, inputs: Mapping[str, ArrayLike], outputs: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Run the model; returns every output by name, in the model's order.

        `inputs` has exactly the model's names, with arrays of exactly its dtypes and shapes; a dynamic batch may have
        any number of rows, the same in all of them. C-contiguous arrays are read in place unless they are small, others
        copied first.
        `outputs` may give arrays to be written in place (and returned); the rest are new. bfloat16 travels as uint16
        bits.

        Raises MissingTensorError, UnknownTensorError, TensorDtypeError, TensorShapeError, OutputBufferError,
        ModelClosedError.
        """
        session = self._sessions.borrow()
        try:
            return session.run(inputs, outputs)
        finally:
            self._sessions.give_back(session)

    def profile(self, inputs: Mapping[str, ArrayLike] | None = None, runs: int = 10) -> list[KernelTime]:
        """Run `runs` times and return the time of each kernel call, in execution order.

        Without `inputs`, seeded random ones are used. Each kernel is timed as the calling thread sees it. A dynamic
        batch runs on that thread alone, and kernels that its number of rows does not need have no runs.
        """
        given = random_arrays(self._interface.inputs) if inputs is None else inputs
        with self._sessions.session() as session:
            context = session.context
            sources, rows = session.bind_inputs(given)
            kept = sources, session.bind_outputs(None, sources, rows)
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
