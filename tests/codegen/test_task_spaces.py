"""Spaces as worker processes report them: those of every template that matches, in the order of the table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from compiler.codegen.objects import JobsFailedError
from compiler.codegen.schedules import SCHEDULES
from compiler.codegen.task_spaces import TemplateSpace, task_spaces
from compiler.ir import Task, print_graph
from compiler.targets import resolve
from tests.codegen.test_matmul import product

TARGET = resolve("x86-64-v3")


@pytest.fixture
def task() -> Task:
    """A matrix product with packed weights."""
    return Task(print_graph(product(48, 64, 32, 16)))


def test_every_matching_template_is_there_with_its_space_and_version(task: Task, tmp_path: Path) -> None:
    region = task.graph(())
    expected = {
        template.name: TemplateSpace(template.version, template.space(region, TARGET))
        for template in SCHEDULES
        if template.matches(region, TARGET)
    }
    (found,) = task_spaces([task, task], TARGET, tmp_path).values()
    assert found == expected
    assert list(found) == list(expected) and next(iter(found)) == "matmul_tiled"


def test_answers_are_kept(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = task_spaces([task], TARGET, tmp_path)
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    monkeypatch.setattr("compiler.codegen.objects.pool.SHARED._pool", None)
    assert task_spaces([task], TARGET, tmp_path) == first


def test_a_task_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobsFailedError):
        task_spaces([Task("nonsense")], TARGET, tmp_path)
