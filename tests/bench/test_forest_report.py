"""What is written of forests, on figures that are given."""

from __future__ import annotations

import pytest

from bench.forest.bound import Core
from bench.forest.measure import Build, ForestBatch, ForestTable
from bench.forest.native import NativeRows
from bench.forest.report import forest_summaries, forest_text
from bench.forest.source import read_forest
from bench.latency import Comparison, Measured
from bench.models.tree_maker import ForestShape, write_forest
from bench.plot import bars
from bench.report import summary_lines
from bench.timing import Ratio, Summary
from compiler.ir.forest import profile_of

LATE = "a run would take about 66 s, more than the limit of 10"


def measured(engine: str, seconds: float, ratio: float | None, difference: float) -> Measured:
    speedup = None if ratio is None else Ratio(ratio, ratio, ratio)
    return Measured(engine, Summary(seconds, seconds, seconds, seconds, 3), 0.1, speedup, difference)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ForestTable:
    path = tmp_path_factory.mktemp("report") / "net.json"
    write_forest(ForestShape(trees=4, features=3, outputs=1, depth=3, leaves=8), path)
    one = (
        measured("kiln", 2e-6, None, 0.0),
        measured("slow", 9e-6, 4.5, 1e-7),
        measured("fast", 4e-6, 2.0, 3e-6),
    )
    many = (measured("kiln", 1e-3, None, 0.0), measured("fast", 3e-3, 3.0, 1e-6))
    refused = {"odd": "it runs models of LightGBM only"}
    return ForestTable(
        model="net",
        threads=1,
        source_bytes=4 << 20,
        profile=profile_of(read_forest(path).forest),
        core=Core(hertz=1e9, loads_per_cycle=2, vector_bytes=64, memory_bytes_per_second=1e9),
        builds=(Build("kiln", 1.5, 1 << 20), Build("slow", 0.2, 8 << 20), Build("fast", 7.0, 2 << 20)),
        refused=refused,
        batches=(
            ForestBatch(1, 1e-6, Comparison("net, 1 row", 1, one, refused)),
            ForestBatch(1000, 1e-4, Comparison("net, 1,000 rows", 1, many, {**refused, "slow": LATE})),
        ),
        single_rows=NativeRows(),
        left_out=("100,000 rows are more than 512 MiB",),
    )


def lines_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]


def test_every_engine_has_a_cell_in_every_batch(table: ForestTable) -> None:
    lines = lines_of(forest_text([table]))
    assert ["model", "rows", "threads", "kiln", "slow", "fast", "odd", "of bound", "best peer / Kiln"] in lines
    single = next(row for row in lines if row[:2] == ["net", "1"])
    assert single[2:7] == ["1", "2,000", "9,000", "4,000", "-"]
    thousand = next(row for row in lines if row[:2] == ["net", "1,000"])
    assert thousand[3:] == ["1,000", "-", "3,000", "-", "10.0%", "3.00x [3.00, 3.00] (fast)"]


def test_every_dash_has_its_reason(table: ForestTable) -> None:
    text = forest_text([table])
    assert "- odd does not run net: it runs models of LightGBM only" in text
    assert f"- slow did not run net, 1,000 rows, 1 thread: {LATE}" in text
    assert "- net: 100,000 rows are more than 512 MiB" in text
    assert text.count("runs models of LightGBM only") == 1


def test_differences_and_builds(table: ForestTable) -> None:
    lines = lines_of(forest_text([table]))
    assert ["net", "0.0e+00", "1.0e-07", "3.0e-06", "-"] in lines
    assert ["net", "4.00", "1.5, 1.00", "0.2, 8.00", "7.0, 2.00", "-", "0.25"] in lines


def test_each_batch_is_summed_up_by_itself(table: ForestTable) -> None:
    one, many = summary_lines(forest_summaries([table])).splitlines()
    assert one.startswith("- 1 row, 1 thread, best peer / Kiln over 1 models: geometric mean 2.000x")
    assert many.startswith("- 1,000 rows, 1 thread, best peer / Kiln over 1 models: geometric mean 3.000x")


def test_a_picture_of_the_best_peers(table: ForestTable) -> None:
    drawn = bars([batch.comparison for batch in table.batches], best_only=True)
    assert [(bar.label, bar.ratio.value) for bar in drawn] == [
        ("net, 1 row, 1 thread, fast", 2.0),
        ("net, 1,000 rows, 1 thread, fast", 3.0),
    ]
