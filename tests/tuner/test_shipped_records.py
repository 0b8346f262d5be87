"""The records that ship with the package hold for the compiler that they ship with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bench.ship_records import MOST_BYTES
from compiler.autotune.database import shipped_records
from compiler.autotune.database.shipped import FOLDER
from compiler.autotune.record import Status
from compiler.autotune.validity import Validity, toolchain_id
from compiler.codegen.schedules import SCHEDULES
from compiler.targets import TARGETS

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = sorted(FOLDER.glob("*"))
TARGET_OF = {target.fingerprint(): target for target in TARGETS}
TEMPLATES = {template.name: template for template in SCHEDULES}


def target_of(path: Path):
    return TARGET_OF.get(path.name.removesuffix(".jsonl.xz"))


def renewal(path: Path) -> str:
    """What to do about records that do not hold any more."""
    target = target_of(path)
    name = target.name if target else "TARGET"
    return (
        f"{path.name} is stale; renew it: python -m compiler.tune --target {name} --budget 1h --db {name}.db"
        f" && python -m bench.ship_records --target {name} --db {name}.db"
    )


def test_records_ship_for_the_boards_without_a_tuner() -> None:
    shipped = {target.name for path in FILES if (target := target_of(path))}
    assert {"arm_cortex_a53", "arm_cortex_a72", "arm_cortex_a76"} <= shipped


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_record_holds(path: Path) -> None:
    """Its kind of machine is one of the table, its template and version exist, and its knobs are in the space that the
    template has for the task today."""
    target, records = target_of(path), shipped_records(path.name.removesuffix(".jsonl.xz"))
    assert target is not None and records is not None, renewal(path)
    validity = Validity(toolchain_id(), {name: template.version for name, template in TEMPLATES.items()})
    regions = {key: records.task(key).graph() for key in records.tasks()}
    for record in records.records():
        assert record.status is Status.OK and record.fingerprint == target.fingerprint()
        assert validity.holds(record), renewal(path)
        template, region = TEMPLATES[record.choice.template], regions[record.task]
        assert template.matches(region, target), renewal(path)
        space = template.space(region, target)
        assert record.choice.config in space, f"{record.choice}: {renewal(path)}"
        first = next(template for template in SCHEDULES if template.matches(region, target))
        is_default = (template, record.choice.config) == (first, space.default)
        assert record.is_default == is_default, f"{record.choice} is another default: {renewal(path)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_are_small_and_in_the_wheel(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["compiler"]
    assert any(path in (REPOSITORY / "compiler").glob(pattern) for pattern in patterns)
