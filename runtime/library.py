"""model.so through ctypes: the functions of kiln.h as Python methods.

Owns handles, pointers and status codes. Must not know arrays, manifests or thread policy.
"""

import _ctypes
import ctypes
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from ctypes import (
    POINTER,
    byref,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
)
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from runtime.errors import ArtifactError, NativeError, TargetMismatchError
from runtime.manifest import LIBRARY
from runtime.tensors import DTYPES, TensorSpec

_DTYPE_NAMES = tuple(DTYPES)
_ERROR_CPU = "KILN_ERROR_CPU"


class _CError(ctypes.Structure):
    _fields_ = (("status", c_int), ("message", c_char * 508))


class _CTensor(ctypes.Structure):
    name: bytes
    dtype: int
    rank: int
    _fields_ = (
        ("name", c_char_p),
        ("dtype", c_int),
        ("rank", c_int32),
        ("shape", POINTER(c_int64)),
        ("bytes", c_uint64),
    )


class _CKernelTime(ctypes.Structure):
    _fields_ = (
        ("name", c_char_p),
        ("runs", c_uint64),
        ("total_ns", c_uint64),
        ("best_ns", c_uint64),
        ("flops", c_double),
        ("bytes", c_double),
        ("threads", c_int32),
    )


@dataclass(frozen=True)
class KernelTime:
    """Time spent in one kernel call of the plan; flops and bytes moved are those of one run."""

    name: str
    runs: int
    total_seconds: float
    best_seconds: float
    flops: float
    bytes: float
    threads: int


_STATUS = c_int
_PROTOTYPES: dict[str, tuple[object, tuple[object, ...]]] = {
    "kiln_open": (_STATUS, (c_char_p, POINTER(c_void_p), POINTER(_CError))),
    "kiln_close": (None, (c_void_p,)),
    "kiln_input_count": (c_size_t, (c_void_p,)),
    "kiln_output_count": (c_size_t, (c_void_p,)),
    "kiln_input": (POINTER(_CTensor), (c_void_p, c_size_t)),
    "kiln_output": (POINTER(_CTensor), (c_void_p, c_size_t)),
    "kiln_io_alignment": (c_size_t, (c_void_p,)),
    "kiln_target_name": (c_char_p, (c_void_p,)),
    "kiln_context_create": (_STATUS, (c_void_p, c_int, POINTER(c_void_p), POINTER(_CError))),
    "kiln_context_destroy": (None, (c_void_p,)),
    "kiln_threads": (c_int, (c_void_p,)),
    "kiln_set_profiling": (_STATUS, (c_void_p, c_int, POINTER(_CError))),
    "kiln_profile": (c_size_t, (c_void_p, POINTER(_CKernelTime), c_size_t)),
    "kiln_status_name": (c_char_p, (c_int,)),
}


@dataclass
class _Loaded:
    sha256: str
    users: int


# dlopen answers with the library already loaded under a path even when the file there was replaced since: a
# rebuilt artifact would run its old code. The table knows what is loaded, and a second version is loaded from
# a copy.
_loaded: dict[Path, _Loaded] = {}
_loaded_lock = threading.RLock()  # a garbage collection inside may close another model


def _dlopen(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise TargetMismatchError(path, f"cannot be loaded on this machine: {error}") from error


def _dlopen_copy(path: Path) -> ctypes.CDLL:
    with tempfile.TemporaryDirectory(prefix="kiln-") as directory:
        return _dlopen(Path(shutil.copy(path, directory)))  # stays mapped when the file is gone


def _load(path: Path, sha256: str) -> tuple[ctypes.CDLL, Path | None]:
    """The library, and its key in the table (None for a copy)."""
    with _loaded_lock:
        known = _loaded.get(path)
        if known is not None and known.sha256 != sha256:
            return _dlopen_copy(path), None
        library = _dlopen(path)
        if known is None:
            _loaded[path] = _Loaded(sha256, 1)
        else:
            known.users += 1
        return library, path


def _unload(library: ctypes.CDLL, key: Path | None) -> None:
    with _loaded_lock:
        _ctypes.dlclose(library._handle)
        if key is None:
            return
        _loaded[key].users -= 1
        if _loaded[key].users == 0:
            del _loaded[key]


class Library:
    """An open model. `close` must come after that of every `Context`."""

    def __init__(self, directory: Path, sha256: str) -> None:
        """Load `directory`/model.so, whose digest is `sha256`, and open the model in it.

        Raises TargetMismatchError when the CPU lacks a feature, ArtifactError for other refusals.
        """
        self._library, self._key = _load((directory / LIBRARY).resolve(), sha256)
        for name, (result, arguments) in _PROTOTYPES.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        self._model = c_void_p()
        try:
            self._open(directory)
        except BaseException:
            _unload(self._library, self._key)
            raise

    def _open(self, directory: Path) -> None:
        error = _CError()
        status = self._library.kiln_open(bytes(directory), byref(self._model), byref(error))
        if status == 0:
            return
        message = error.message.decode(errors="replace")
        kind = TargetMismatchError if self.status_name(status) == _ERROR_CPU else ArtifactError
        raise kind(directory, message)

    def status_name(self, status: int) -> str:
        return self._library.kiln_status_name(status).decode()

    def inputs(self) -> dict[str, TensorSpec]:
        count: int = self._library.kiln_input_count(self._model)
        return dict(_spec(self._library.kiln_input(self._model, i).contents) for i in range(count))

    def outputs(self) -> dict[str, TensorSpec]:
        count: int = self._library.kiln_output_count(self._model)
        return dict(_spec(self._library.kiln_output(self._model, i).contents) for i in range(count))

    def io_alignment(self) -> int:
        return self._library.kiln_io_alignment(self._model)

    def row_tile(self) -> int:
        """How many rows of a dynamic batch are computed at once; 0 where shapes are fixed, as in older libraries."""
        return self._library.kiln_row_tile(self._model) if hasattr(self._library, "kiln_row_tile") else 0

    def create_context(self, threads: int) -> "Context":
        """A context with `threads` threads, 0 for as many as this process may use."""
        return Context(self._library, self._model, self.row_tile(), threads)

    def close(self) -> None:
        self._library.kiln_close(self._model)
        _unload(self._library, self._key)


def _spec(tensor: _CTensor) -> tuple[str, TensorSpec]:
    dims: list[int] = tensor.shape[: tensor.rank] if tensor.rank else []
    shape = tuple(None if d < 0 else d for d in dims)
    return tensor.name.decode(), TensorSpec(_DTYPE_NAMES[tensor.dtype], shape)


class Context:
    """Working memory for one run at a time: set the addresses in `inputs` and `outputs`, then `run`."""

    def __init__(self, library: ctypes.CDLL, model: c_void_p, row_tile: int, threads: int) -> None:
        self._library = library
        self._error = _CError()
        self._handle = c_void_p()
        self._error_pointer = byref(self._error)
        self.check(library.kiln_context_create(model, threads, byref(self._handle), self._error_pointer))
        self.inputs = (c_void_p * library.kiln_input_count(model))()
        self.outputs = (c_void_p * library.kiln_output_count(model))()
        self._rows = c_int64()
        # A function without argument types takes C objects as they are, in half the time.
        self._run = library["kiln_run_rows" if row_tile else "kiln_run"]

    def check(self, status: int) -> None:
        """Raise NativeError unless the status of the last call is that of success."""
        if status != 0:
            name = self._library.kiln_status_name(status).decode()
            raise NativeError(name, self._error.message.decode(errors="replace"))

    def threads(self) -> int:
        return self._library.kiln_threads(self._handle)

    def run(self, rows: int | None = None) -> None:
        """Run the model on the addresses in `inputs` and `outputs`; `rows` of a dynamic batch. Releases the interpreter
        lock."""
        if rows is None:
            status = self._run(self._handle, self.inputs, self.outputs, self._error_pointer)
        else:
            self._rows.value = rows
            status = self._run(self._handle, self._rows, self.inputs, self.outputs, self._error_pointer)
        self.check(status)

    def bound(self, rows: int | None, inputs: Sequence[int], outputs: Sequence[int]) -> Callable[[], int]:
        """`run` on addresses that stay, which is quicker: a function that gives the status, which is to be checked."""
        count = () if rows is None else (c_int64(rows),)
        addresses = ((c_void_p * len(side))(*side) for side in (inputs, outputs))
        return partial(self._run, self._handle, *count, *addresses, self._error_pointer)

    def set_profiling(self, enabled: bool) -> None:
        """Switch timing on, from zero, or off."""
        self.check(self._library.kiln_set_profiling(self._handle, enabled, self._error_pointer))

    def profile(self) -> list[KernelTime]:
        """Per kernel call, in execution order, what was spent since profiling was switched on."""
        count: int = self._library.kiln_profile(self._handle, None, 0)
        rows = (_CKernelTime * count)()
        self._library.kiln_profile(self._handle, rows, count)
        return [
            KernelTime(r.name.decode(), r.runs, r.total_ns * 1e-9, r.best_ns * 1e-9, r.flops, r.bytes, r.threads)
            for r in rows
        ]

    def close(self) -> None:
        self._library.kiln_context_destroy(self._handle)
