"""Tables of measured spaces: what is written is read again, and what is no table is named."""

import lzma
from pathlib import Path

import pytest

from bench.tables import Point, Table, TableError, load_table, load_tables, save_table
from compiler.codegen.space import AtMost, Choice, Knob, Space

SPACE = Space((Knob("rows", (1, 2, 4), 2), Knob("unroll", (1, 2), 1)), (AtMost(("rows", "unroll"), 4),))


def some_table(template: str = "direct") -> Table:
    points = tuple(
        Point(config, None if config["rows"] == 1 else 1e-3 / config["rows"], {"loads": 1 / 3, "spills": 0.0})
        for config in SPACE
    )
    return Table("graph task() {}", "here", "avx2", template, 3, SPACE, points)


def test_a_table_is_read_as_it_was_written_to_six_digits(tmp_path: Path) -> None:
    path, again = tmp_path / "a.json.xz", tmp_path / "b.json.xz"
    save_table(some_table(), path)
    read = load_table(path)
    assert (read.task, read.target, read.template, read.version, read.space) == (
        some_table().task,
        "here",
        "direct",
        3,
        SPACE,
    )
    seconds = [point.seconds and pytest.approx(point.seconds, rel=1e-5) for point in some_table().points]
    assert [point.seconds for point in read.points] == seconds
    assert read.points[0].features == pytest.approx({"loads": 0.333333, "spills": 0})
    save_table(read, again)
    assert again.read_bytes() == path.read_bytes()


def test_points_are_found_by_their_choice() -> None:
    point = some_table().by_choice[Choice.of("direct", {"unroll": 1, "rows": 4})]
    assert point.seconds == pytest.approx(2.5e-4)


def test_directories_are_read_in_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        save_table(some_table(name), tmp_path / f"{name}.json.xz")
    assert [table.template for table in load_tables([tmp_path])] == ["a", "b"]
    with pytest.raises(TableError, match="no tables"):
        load_tables([])


@pytest.mark.parametrize("content", [b"", b"not xz", lzma.compress(b"[]"), lzma.compress(b'{"points": []}')])
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.json.xz"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"bad\.json\.xz"):
        load_table(path)


def test_a_table_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"absent\.json\.xz: cannot be read: No such file or directory$"):
        load_table(tmp_path / "absent.json.xz")


def test_a_point_outside_the_space_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.json.xz"
    table = some_table()
    save_table(Table(table.task, "here", "avx2", "direct", 3, SPACE, (Point({"rows": 3, "unroll": 1}, 1.0),)), path)
    with pytest.raises(TableError, match="not configurations"):
        load_table(path)
