"""The records that ship with the package hold for the compiler that they ship with."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from bench.ship_records import MOST_BYTES
from compiler.autotune.database import Database, shipped_records
from compiler.autotune.database.shipped import FOLDER
from compiler.autotune.record import Record, Status, TimeSource
from compiler.autotune.validity import Validity, toolchain_id
from compiler.codegen.schedules import SCHEDULES
from compiler.codegen.space import Choice
from compiler.ir import Graph, Task
from compiler.targets import TARGETS, Target, resolve
from tests.model_tuner.samples import MATMUL

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = sorted(FOLDER.glob("*"))
TEMPLATES = {template.name: template for template in SCHEDULES}
VALIDITY = Validity(toolchain_id(), {name: template.version for name, template in TEMPLATES.items()})

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def complaint(records: Database, target: Target) -> str:
    """Why records do not hold for the compiler as it is, and how they are renewed; empty if all do."""
    regions = {key: Task(text).graph() for key, text in records.tasks().items()}
    stale = [record for record in records.records() if not holds(record, regions[record.task], target)]
    if not stale:
        return ""
    return (
        f"{len(stale)} shipped records of {target.name} are stale, such as {stale[0].choice}; renew them:"
        f" python -m compiler.tune --target {target.name} --budget 2h --db {target.name}.db"
        f" && python -m bench.ship_records --target {target.name} --db {target.name}.db"
    )


def holds(record: Record, region: Graph, target: Target) -> bool:
    """Whether a build can use a record: its template and version exist and match the task, whose space has its knobs;
    and whether the default is the one that it was when the record was made."""
    template = TEMPLATES.get(record.choice.template)
    if template is None or not VALIDITY.holds(record) or not template.matches(region, target):
        return False
    space = template.space(region, target)
    first = next(other for other in SCHEDULES if other.matches(region, target))
    is_default = (template.name, record.choice.config) == (first.name, space.default)
    return record.choice.config in space and record.is_default == is_default


@each_file
def test_every_shipped_record_holds(path: Path) -> None:
    fingerprint = path.name.removesuffix(".jsonl.xz")
    records = shipped_records(fingerprint)
    target = next((target for target in TARGETS if target.fingerprint() == fingerprint), None)
    assert records is not None and target is not None, f"no target has the fingerprint of {path.name}"
    assert {(record.status, record.fingerprint) for record in records.records()} == {(Status.OK, fingerprint)}
    assert not complaint(records, target)


@each_file
def test_files_are_small_and_in_the_wheel(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["compiler"]
    assert any(path in (REPOSITORY / "compiler").glob(pattern) for pattern in patterns)


def test_a_stale_record_is_named_with_the_commands_that_renew_it() -> None:
    target, task = resolve("arm_cortex_a72"), Task(MATMUL)
    region = task.graph()
    template = next(template for template in SCHEDULES if template.matches(region, target))
    config = template.space(region, target).default
    good = Record(
        task.hash,
        target.fingerprint(),
        Choice.of(template.name, config),
        template.version,
        toolchain_id(),
        Status.OK,
        TimeSource.PREDICTED,
        1e-6,
        is_default=True,
    )
    assert not complaint(stored(good), target)
    for stale in (
        replace(good, version=template.version + 1),
        replace(good, toolchain="apache-tvm 0.1"),
        replace(good, choice=Choice.of("nonesuch", config)),
        replace(good, choice=Choice.of(template.name, {**config, "rows": 1000}), is_default=False),
        replace(good, choice=Choice.of(template.name, {**config, "another": 1}), is_default=False),
        replace(good, is_default=False),
    ):
        said = complaint(stored(stale), target)
        assert str(stale.choice) in said and "python -m bench.ship_records --target arm_cortex_a72" in said


def stored(record: Record) -> Database:
    database = Database.in_memory("test")
    database.add(Task(MATMUL), [record])
    return database
