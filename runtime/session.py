"""One run at a time: a context, and the binding of what a caller passes to it.

Owns the checks of arguments. Must not know file formats, how runs share contexts, nor of the C library more than
`Context`.

Small inputs and outputs are copied to and from arrays that stay: asking numpy where an array's data lies takes longer
than copying a few kilobytes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from runtime.errors import MissingTensorError, OutputBufferError, UnknownTensorError
from runtime.library import Context, Library
from runtime.tensors import Array, Buffer, TensorSpec, address_of

SMALL_BYTES = 16 << 10
"""Inputs and outputs of a run are copied up to this size together: beyond, that takes longer than finding them."""

MOST_SMALL_ROWS = 256
"""Numbers of rows of a dynamic batch for which that is prepared, when the first batch of so many comes."""


@dataclass(frozen=True)
class Interface:
    """What a model reads and writes, by name in its order; what it demands of addresses, in bytes; and how many rows of
    a dynamic batch it computes at once, 0 where shapes are fixed."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    alignment: int
    row_tile: int

    @staticmethod
    def of(library: Library) -> "Interface":
        """What the library says of itself."""
        return Interface(library.inputs(), library.outputs(), library.io_alignment(), library.row_tile())

    def nbytes(self) -> int:
        """Bytes of all inputs and outputs together; those of a single row when the batch is dynamic."""
        return sum(spec.nbytes() for spec in (*self.inputs.values(), *self.outputs.values()))


class Session:
    """A context that runs use one after the other."""

    def __init__(self, library: Library, interface: Interface, threads: int) -> None:
        """A context with `threads` threads, 0 for as many as this process may use. Raises NativeError."""
        self.context = library.create_context(threads)
        self._interface = interface
        self._small = _SmallRuns(self.context, interface) if interface.nbytes() <= SMALL_BYTES else None

    def close(self) -> None:
        """Free the context."""
        self.context.close()

    def run(self, inputs: Mapping[str, ArrayLike], outputs: Mapping[str, Array] | None) -> dict[str, Array]:
        """See `Model.run`."""
        if self._small is not None and not outputs:
            results = self._small.run(inputs)
            if results is not None:
                return results
        sources, rows = self.bind_inputs(inputs)
        results = self.bind_outputs(outputs, sources, rows)
        self.context.run(rows)
        return results

    def bind_inputs(self, given: Mapping[str, ArrayLike]) -> tuple[list[Array], int | None]:
        """Point the context to the inputs; returns the arrays that must live as long, and the rows of a dynamic
        batch."""
        arrays: list[Array] = []
        rows: int | None = None
        interface = self._interface
        for i, (name, spec) in enumerate(interface.inputs.items()):
            try:
                array = np.asarray(given[name])
            except KeyError:
                raise MissingTensorError("input", name, list(given)) from None
            array = spec.checked("input", name, array, rows)
            if interface.row_tile:
                rows = array.shape[0]
            address = address_of(array)
            if not array.flags.c_contiguous or address % interface.alignment != 0:
                array, address = _copied(array)
            self.context.inputs[i] = address
            arrays.append(array)
        if len(given) != len(arrays):
            _refuse_unknown("input", given, interface.inputs)
        return arrays, rows

    def bind_outputs(
        self, given: Mapping[str, Array] | None, sources: Sequence[Array], rows: int | None
    ) -> dict[str, Array]:
        """Point the context to the outputs, those given and new ones; returns them by name."""
        results: dict[str, Array] = {}
        if given:
            self._check_outputs(given, sources, rows)
        for i, (name, spec) in enumerate(self._interface.outputs.items()):
            if given and name in given:
                array = given[name]
                address = address_of(array)
            else:
                array, address = spec.allocate(rows)
            self.context.outputs[i] = address
            results[name] = array
        return results

    def _check_outputs(self, given: Mapping[str, Array], sources: Sequence[Array], rows: int | None) -> None:
        outputs = self._interface.outputs
        _refuse_unknown("output", given, outputs)
        for name, array in given.items():
            others = [*sources, *(a for n, a in given.items() if n != name)]
            self._check_writable(name, outputs[name].checked("output", name, array, rows), others)

    def _check_writable(self, name: str, array: Array, others: Sequence[Array]) -> None:
        alignment = self._interface.alignment
        if not array.flags.writeable:
            raise OutputBufferError(name, "the array is read-only")
        if not array.flags.c_contiguous:
            raise OutputBufferError(name, "the array is not C-contiguous")
        if address_of(array) % alignment != 0:
            raise OutputBufferError(name, f"the array's data is not aligned to {alignment} bytes")
        if any(np.may_share_memory(array, other) for other in others):
            raise OutputBufferError(name, "the array overlaps an input or another output")


class _SmallRuns:
    """Runs on arrays that stay: of a model of fixed shapes, or of a few rows of a dynamic batch. The same number of
    rows as last time is the quickest."""

    def __init__(self, context: Context, interface: Interface) -> None:
        self._context = context
        self._most = min(MOST_SMALL_ROWS, SMALL_BYTES // max(1, interface.nbytes())) if interface.row_tile else None
        self._inputs = {name: spec.allocate(self._most) for name, spec in interface.inputs.items()}
        self._outputs = {name: spec.allocate(self._most) for name, spec in interface.outputs.items()}
        self._last = self._prepared(1 if interface.row_tile else None)
        self._known = {1: self._last}

    def run(self, given: Mapping[str, ArrayLike]) -> dict[str, Array] | None:
        """New outputs; None, and nothing is run, where the inputs are not just what the model wants."""
        results = self._last.run(given)
        if results is None and self._most is not None and 0 < (rows := self._rows_of(given)) <= self._most:
            self._last = self._known.get(rows) or self._known.setdefault(rows, self._prepared(rows))
            results = self._last.run(given)
        return results

    def _rows_of(self, given: Mapping[str, ArrayLike]) -> int:
        """Of the first input; 0 where it has none."""
        first = given.get(next(iter(self._inputs)))
        return len(cast(Array, first)) if isinstance(first, np.ndarray) and first.ndim > 0 else 0

    def _prepared(self, rows: int | None) -> "_SmallRun":
        sides = self._inputs, self._outputs
        run = self._context.bound(rows, *([address for _, address in side.values()] for side in sides))
        inputs, outputs = (
            {name: array if rows is None else array[:rows] for name, (array, _) in side.items()} for side in sides
        )
        return _SmallRun(self._context, run, inputs, outputs)


class _SmallRun:
    """One of them: so many rows of the arrays that stay."""

    def __init__(
        self, context: Context, run: Callable[[], int], inputs: Mapping[str, Array], outputs: Mapping[str, Array]
    ) -> None:
        self._context = context
        self._run = run
        self._inputs = [(name, array, array.shape, array.dtype) for name, array in inputs.items()]
        self._outputs = list(outputs.items())

    def run(self, given: Mapping[str, ArrayLike]) -> dict[str, Array] | None:
        """See `_SmallRuns.run`."""
        if len(given) != len(self._inputs):
            return None
        for name, array, shape, dtype in self._inputs:
            source = given.get(name)
            if type(source) is not np.ndarray or source.shape != shape or source.dtype != dtype:
                return None
            array[...] = source
        if status := self._run():
            self._context.check(status)
        return {name: array.copy() for name, array in self._outputs}


def _copied(array: Array) -> Buffer:
    """A copy that kernels can read: in row-major order, and aligned."""
    copy, address = TensorSpec(array.dtype.name, array.shape).allocate()
    copy[...] = array
    return copy, address


def _refuse_unknown(kind: str, given: Mapping[str, object], known: Mapping[str, TensorSpec]) -> None:
    for name in given:
        if name not in known:
            raise UnknownTensorError(kind, name, list(known))
