"""What kernels are run on and compared with: files that are right, complete, and made once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiler.autotune.measure.task_data import MOST_COPIES, task_data
from compiler.codegen.plan.packing import unpack
from compiler.ir import DType, Graph, Layout, Rewriter, Task, TensorType
from compiler.ir.interpreter import run_graph
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.movement import Relayout
from tests.autotune.measure.kernels import HOST, cast_task, sum_task

BLOCKED = Layout(((1, 8),))


def convolution_task(channels: int, filters: int) -> Task:
    """A 1x1 convolution over a blocked image."""
    graph = Graph("task")
    rewriter = Rewriter(graph)
    image = rewriter.input("x", TensorType(DType.F32, (1, channels, 4, 4), BLOCKED))
    weights = rewriter.input("w", TensorType(DType.F32, (filters, channels, 1, 1), Layout(((1, 8), (0, 8)))))
    result = rewriter.emit(Conv((1, 1), (0, 0), (0, 0), (1, 1)), image, weights)
    rewriter.output("y", rewriter.emit(Relayout(BLOCKED), result))
    return Task.of(graph)


def test_operands_and_results_are_stored_as_kernels_see_them(tmp_path: Path) -> None:
    task = convolution_task(channels=5, filters=11)
    data = task_data(task, HOST, tmp_path)
    raw, region = data.path.read_bytes(), task.graph()

    def stored(type_: TensorType, offset: int) -> np.ndarray:
        count = type_.bytes // type_.dtype.bytes
        return np.frombuffer(raw, type_.dtype.numpy, count, offset).reshape(type_.physical_shape)

    operands = [
        unpack(stored(value.type, place.offset), value.type.layout, value.type.shape)
        for value, place in zip(region.inputs, data.operands, strict=True)
    ]
    (result,), (place,) = region.outputs, data.results
    want = run_graph(region, operands)[0]
    np.testing.assert_array_equal(unpack(stored(result.type, place.offset), BLOCKED, result.type.shape), want)
    mask = np.frombuffer(raw, np.uint8, place.elements, place.mask).reshape(result.type.physical_shape)
    assert mask.sum() == want.size == 11 * 16
    assert mask.size == 16 * 16
    np.testing.assert_array_equal(unpack(mask, BLOCKED, result.type.shape), np.ones(want.shape, np.uint8))
    assert place.absolute == pytest.approx(place.relative * np.abs(want).max())
    assert 0 < place.relative < 0.01


def test_weights_that_caches_would_hold_are_there_more_than_once(tmp_path: Path) -> None:
    target = replace(HOST, l2_bytes=1 << 20, l3_bytes=4 << 20)
    small, large = (task_data(convolution_task(n, n), target, tmp_path) for n in (8, 512))
    assert [operand.copies for operand in small.operands] == [1, 1]
    image, weights = large.operands
    assert image.copies == 1
    assert 1 < weights.copies <= MOST_COPIES
    assert weights.copies * weights.bytes >= 2 * target.l3_bytes or weights.copies == MOST_COPIES


@pytest.mark.parametrize(
    ("dtype", "kind"), [(DType.F64, "f8"), (DType.F16, "f2"), (DType.BF16, "b2"), (DType.I32, "i4"), (DType.U8, "i1")]
)
def test_every_type_has_a_tolerance_of_its_own(tmp_path: Path, dtype: DType, kind: str) -> None:
    (result,) = task_data(cast_task(dtype), HOST, tmp_path).results
    assert result.kind == kind
    assert (result.relative == 0) == dtype.is_integer
    assert (result.absolute == 0) == dtype.is_integer


def test_a_file_is_made_once_and_made_again_when_it_is_cut_short(tmp_path: Path) -> None:
    first = task_data(sum_task(), HOST, tmp_path)
    content = first.path.read_bytes()
    os.utime(first.path, (1, 1))
    assert task_data(sum_task(), HOST, tmp_path) == first
    assert first.path.stat().st_mtime == 1
    first.path.write_bytes(content[:100])
    assert task_data(sum_task(), HOST, tmp_path) == first
    assert first.path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [first.path]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        task_data(sum_task(), HOST, tmp_path / "file" / "tasks")
