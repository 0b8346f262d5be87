"""What a task's kernels are run on and checked against: random operands and the reference interpreter's results.

One file per task, in the layouts in which kernels see arrays. Padded lanes of blocked results may hold anything
(ADR 0015), so a mask beside each result says which elements count.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from compiler.autotune.measure.forest_tables import forest_operands, is_of_forest, walks_one_row
from compiler.codegen.plan.packing import pack
from compiler.ir import DType, Graph, Task, TensorType, Value
from compiler.ir.dtypes import widen_bf16
from compiler.ir.interpreter import run_graph
from compiler.ir.literal import Array
from compiler.ir.op import Op
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.winograd import WinogradConv
from compiler.targets import Target
from compiler.verification.inputs import sample_inputs

SEED = 20_26
_ALIGNMENT = 64

MOST_COPIES = 64

TOLERANCES = {DType.F64: 1e-9, DType.F32: 1e-4, DType.F16: 1e-2, DType.BF16: 5e-2}
"""What a float may differ by, relative to the largest expected one: two orders of one sum, not two algorithms of a
whole network."""

WINOGRAD_TOLERANCE = 1e-3
"""Likewise where products of transformed tiles are added: on random transformed weights sums cancel more."""


@dataclass(frozen=True)
class OperandData:
    """Where an operand lies in the file, and in how many copies a runner holds it, which it uses in turn."""

    offset: int
    bytes: int
    copies: int


@dataclass(frozen=True)
class ResultData:
    """Where the expected result lies, and its mask, a byte per element. ``kind``: f2, f4, f8, b2 (bfloat16), or i and
    bytes. A float may differ by ``absolute + relative * |expected|``."""

    kind: str
    elements: int
    bytes: int
    offset: int
    mask: int
    absolute: float
    relative: float


@dataclass(frozen=True)
class TaskData:
    """A task's file and what is in it."""

    path: Path
    operands: tuple[OperandData, ...]
    results: tuple[ResultData, ...]

    @property
    def arrays(self) -> int:
        """How many pointers a kernel takes, without scratch."""
        return len(self.operands) + len(self.results)


def task_data(task: Task, target: Target, folder: Path, ops: Iterable[type[Op]] = ()) -> TaskData:
    """The data of a task, written to ``folder`` unless it is there. Raises OSError."""
    region = task.graph(ops)
    path = folder / f"{task.hash}-{_reference_digest()}.data"
    layout = _Layout()
    constants = constant_operands(region)
    operands = tuple(
        OperandData(layout.place(value.type.bytes), value.type.bytes, _copies(value, region, constants, target))
        for value in region.inputs
    )
    places = [(layout.place(value.type.bytes), layout.place(_elements(value.type))) for value in region.outputs]
    scales = _fill(path, region, [operand.offset for operand in operands], places, layout.size)
    tolerance = _own_tolerance(region)
    results = tuple(
        _result(value.type, offset, mask, scale, tolerance)
        for value, (offset, mask), scale in zip(region.outputs, places, scales, strict=True)
    )
    return TaskData(path, operands, results)


def constant_operands(region: Graph) -> frozenset[Value]:
    """The operands that are constants in a network, as far as a region shows: weights of its sums of products.

    A kernel reads them once in a run, so they come from farther away than what the kernel before has written.
    """
    sums = [node for node in region if isinstance(node.op, Conv | MatMul | WinogradConv)]
    weights = {node.operands[1] for node in sums}
    return frozenset(value for value in region.inputs if value in weights and _is_packed(value, sums))


def _is_packed(value: Value, sums: Sequence[object]) -> bool:
    """Weights of convolutions; of a matrix product, only what is in panels, as it may be an activation otherwise."""
    return bool(value.type.layout.blocks) or any(isinstance(use.node.op, Conv) for use in value.uses)


def _copies(value: Value, region: Graph, constants: frozenset[Value], target: Target) -> int:
    """In how many copies a runner holds an operand.

    Copies of a constant together exceed the last cache twice, since a large network's weights come from memory; one
    that is small stays near in networks too. What a single row walks through fills that cache: the next row walks
    elsewhere.
    """
    if walks_one_row(region) and value is not region.inputs[0]:
        return max(1, min(MOST_COPIES, target.l2_bytes // max(1, value.type.bytes)))
    if value not in constants or value.type.bytes < target.l1d_bytes:
        return 1
    beyond = 2 * max(target.l2_bytes, target.l3_bytes)
    return max(1, min(MOST_COPIES, -(-beyond // max(1, value.type.bytes))))


def _own_tolerance(region: Graph) -> float | None:
    """The tolerance of a region whose results may differ by more than sums are rounded, or not at all; None for all
    others."""
    if is_of_forest(region):
        return 0.0
    return WINOGRAD_TOLERANCE if any(isinstance(node.op, WinogradConv) for node in region) else None


@cache
def _reference_digest() -> str:
    """A digest of everything beside the task that decides what is in a file."""
    root = Path(__file__).resolve().parents[2]
    files = ("task_data.py", "forest_tables.py")
    parts = ("ir", "codegen/plan/packing.py", "verification/inputs.py", *(f"autotune/measure/{name}" for name in files))
    state = hashlib.sha256(np.__version__.encode())
    for part in parts:
        for path in sorted((root / part).rglob("*.py")) or [root / part]:
            state.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return state.hexdigest()[:16]


class _Layout:
    """Places in a file, one after the other."""

    def __init__(self) -> None:
        self.size = 0

    def place(self, count: int) -> int:
        offset = self.size
        self.size += -(-max(count, 1) // _ALIGNMENT) * _ALIGNMENT
        return offset


def _fill(
    path: Path, region: Graph, operands: Sequence[int], results: Sequence[tuple[int, int]], size: int
) -> list[float]:
    """Write the file if it is not there; returns the largest absolute value of each result, 1 for integers."""
    if not path.exists() or path.stat().st_size != size:
        _write(path, region, operands, results, size)
    data = np.memmap(path, np.uint8, "r")
    return [
        _largest(value.type, data[offset : offset + value.type.bytes], data[mask : mask + _elements(value.type)])
        for value, (offset, mask) in zip(region.outputs, results, strict=True)
    ]


def _write(path: Path, region: Graph, operands: Sequence[int], results: Sequence[tuple[int, int]], size: int) -> None:
    data = np.zeros(size, np.uint8)
    inputs = forest_operands(region, SEED) or list(sample_inputs(region, SEED).values())
    for value, offset, array in zip(region.inputs, operands, inputs, strict=True):
        _put(data, offset, pack(array, value.type.layout))
    for value, (offset, mask), array in zip(region.outputs, results, run_graph(region, inputs), strict=True):
        _put(data, offset, pack(array, value.type.layout))
        _put(data, mask, pack(np.ones(value.type.shape, np.uint8), value.type.layout))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.tobytes())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _put(data: np.ndarray, offset: int, array: Array) -> None:
    raw = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
    data[offset : offset + raw.size] = raw


def _elements(type_: TensorType) -> int:
    return int(np.prod(type_.physical_shape, dtype=np.int64))


def _largest(type_: TensorType, raw: np.ndarray, mask: np.ndarray) -> float:
    if not type_.dtype.is_float:
        return 1.0
    if type_.dtype is DType.BF16:
        array = widen_bf16(np.frombuffer(raw.tobytes(), np.uint16))
    else:
        array = np.frombuffer(raw.tobytes(), type_.dtype.numpy)
    numbers = array.astype(np.float64)[mask.astype(bool)]
    finite = np.abs(numbers[np.isfinite(numbers)])
    return float(finite.max()) if finite.size else 1.0


def _result(type_: TensorType, offset: int, mask: int, scale: float, tolerance: float | None) -> ResultData:
    elements = _elements(type_)
    if not type_.dtype.is_float:
        return ResultData(f"i{type_.dtype.bytes}", elements, type_.bytes, offset, mask, 0.0, 0.0)
    allowed = TOLERANCES[type_.dtype] if tolerance is None else tolerance
    letter = "b" if type_.dtype is DType.BF16 else "f"
    return ResultData(f"{letter}{type_.dtype.bytes}", elements, type_.bytes, offset, mask, allowed * scale, allowed)
