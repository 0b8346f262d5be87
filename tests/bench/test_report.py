"""Tables, JSON and plots of results that are given, and the command's answers to wrong usage."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.footprint import Footprint, FootprintTable, NativeFootprint
from bench.latency import Comparison, Measured
from bench.markdown import mebibytes, milliseconds
from bench.plot import bars, svg, write_plot
from bench.process import available_processors
from bench.report import Outcome, as_json, as_markdown, footprint_table, footprint_text, latency_table
from bench.timing import Ratio, Summary

COMPARISON = Comparison(
    "net",
    2,
    (
        Measured("kiln", Summary(0.00123, 0.0012, 0.00122, 0.00125, 40), 0.002, None, None),
        Measured("other", Summary(0.00246, 0.0024, 0.0024, 0.0025, 40), 0.05, Ratio(2.0, 1.9, 2.1), 3e-6),
    ),
    {"absent": "absent is not installed"},
)

LATENCY_TABLE = """\
| model | engine | threads |   median ms | min ms | IQR ms | Kiln is faster by | largest difference |
| ----- | ------ | ------: | ----------: | -----: | -----: | ----------------: | -----------------: |
| net   | kiln   |       2 |        1.23 |   1.20 | 0.0300 |                 - |                  - |
| net   | other  |       2 |        2.46 |   2.40 |  0.100 | 2.00x [1.90, 2.10] |            3.0e-06 |
| net   | absent |       2 | did not run |      - |      - |                 - |                  - |

absent did not run net: absent is not installed"""


def test_a_latency_table_shows_who_did_not_run() -> None:
    assert _cells(latency_table([COMPARISON])) == _cells(LATENCY_TABLE)


def _cells(text: str) -> list[list[str]]:
    """The words of every line; how wide a column is does not matter here."""
    return [line.replace("-", "").split() for line in text.splitlines()]


def test_table_columns_are_aligned() -> None:
    lines = latency_table([COMPARISON]).splitlines()[:5]
    assert len({len(line) for line in lines}) == 1


def test_a_footprint_table_adds_up_what_is_shipped() -> None:
    rows = (Footprint("kiln", 0.1, 0.002, 40 << 20, 30 << 20, 14 << 20, 1 << 19),)
    text = footprint_table([FootprintTable("net", 1, 0, (), rows, {})])
    assert [cell.strip() for cell in text.splitlines()[-1].split("|")[1:-1]] == [
        *("net", "kiln", "100", "2.00", "40.0", "30.0", "0.50", "14.0", "14.5")
    ]


def test_a_footprint_compares_each_figure_with_its_best_peer() -> None:
    native = (
        NativeFootprint("kiln", 0.01, 0.002, 10 << 20, None),
        NativeFootprint("small", 0.09, 0.08, 20 << 20, 1e-6),
        NativeFootprint("quick", 0.04, 0.03, 50 << 20, 1e-6),
    )
    text = footprint_text([FootprintTable("net", 1, 3 << 20, native, (), {}, {"other": "there is no program"})])
    assert (
        "- net, best peer / Kiln: time to the first result 4.0x (quick),"
        " private memory beyond the 3.00 MiB of weights 2.0x (small)" in text
    )
    assert "other has no figures from C: there is no program" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.5e-8, "1.50e-05"), (1.234e-5, "0.0123"), (0.0456, "45.6"), (0.123, "123"), (12.3, "12300")],
)
def test_milliseconds_keep_three_digits(seconds: float, text: str) -> None:
    assert milliseconds(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0.00"), (1 << 20, "1.00"), (123 << 20, "123.0")])
def test_mebibytes(count: int, text: str) -> None:
    assert mebibytes(count) == text


def test_json_holds_what_was_measured() -> None:
    document = json.loads(json.dumps(as_json(Outcome("cnn", {"kiln": "1"}, [COMPARISON]))))
    assert document["results"][0]["measured"][1]["speedup"] == {"value": 2.0, "low": 1.9, "high": 2.1}
    assert document["summary"][0]["geometric_mean"] == 2.0
    assert document["machine"]["processors"] == str(len(available_processors()))


def test_a_plot_is_an_image_with_a_bar_per_peer() -> None:
    root = ElementTree.fromstring(svg(bars([COMPARISON])))
    drawn = [element for element in root if element.tag.endswith("rect")]
    assert len(drawn) == 1
    assert any("net, 2 threads, other" in (element.text or "") for element in root)


def test_a_plot_has_the_format_of_its_suffix(tmp_path: Path) -> None:
    write_plot([COMPARISON], tmp_path / "plot.svg")
    assert ElementTree.parse(tmp_path / "plot.svg").getroot().tag.endswith("svg")
    pytest.importorskip("matplotlib")
    write_plot([COMPARISON], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_whole_text_names_engines_machine_and_what_is_missing() -> None:
    outcome = Outcome("cnn", {"kiln": "1"}, [COMPARISON], {"resnet20": "no file"}, {"odd": "no such operator"})
    text = as_markdown(outcome)
    assert "- resnet20 was skipped: no file" in text
    assert "- odd could not be measured: no such operator" in text
    assert "engines: kiln 1" in text
    for fact in ("processor", "caches", "frequency", "features", "system", "c compiler", "tvm"):
        assert f"\n- {fact}: " in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--suite", "cnn", "--models", "resnet51"], "no model named 'resnet51'"),
        (["--suite", "cnn", "--peers", "caffe"], "no peer named 'caffe'"),
        (["--suite", "cnn", "--models", "absent.onnx"], "absent.onnx"),
        (["--suite", "cnn", "--models", "resnet20", "--zoo", "absent"], "no file absent/"),
        (["--suite", "cnn", "--models", "{garbage}"], "garbage.onnx is not an ONNX model"),
    ],
)
def test_wrong_usage_is_one_clear_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"\xff" * 100)
    assert main([text.format(garbage=garbage) for text in arguments]) == 2
    message = capsys.readouterr().err
    assert complaint in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--suite", "nothing"],
        [],
        ["--suite", "cnn", "--threads", "0"],
        ["--suite", "cnn", "--threads", "99999"],
        ["--suite", "footprint", "--plot", "x.svg"],
        ["--suite", "kernels", "--threads", "2"],
        ["--suite", "cnn", "--isa", "mmx"],
    ],
)
def test_meaningless_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: python -m bench" in capsys.readouterr().err


def test_help_has_an_example() -> None:
    command = [sys.executable, "-m", "bench", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "example: python -m bench --suite" in done.stdout
