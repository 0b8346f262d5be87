"""The page of ``--report``: complete, self-contained, and alive in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import onnx
import pytest
from onnx import helper

import compiler
from compiler.artifact import Artifact
from compiler.build import main
from compiler.report import render_page
from compiler.verification import KernelTime
from tests.driver.conftest import small_model

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def artifact() -> Artifact:
    """The small model, with a name that would be markup if it were not escaped."""
    model = small_model()
    model.graph.node[2].name = "<script>Add</script>"
    return compiler.compile(model, inputs={"x": (2, 4)})


class _References(HTMLParser):
    """Collects what a browser would load, and how often each tag occurs."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "action", "xlink:href")]


def test_it_needs_nothing_from_outside(artifact: Artifact) -> None:
    page = render_page(artifact)
    parsed = _References()
    parsed.feed(page)
    assert parsed.loaded == []
    assert not re.search(r"https?://|@import|url\(", page)
    assert parsed.tags.count("script") == 1, "names from the model are text"


def test_it_shows_graph_plan_memory_and_cost(artifact: Artifact) -> None:
    page = render_page(artifact)
    plan = artifact.report.plan
    for heading in ("Cost of each call", "Memory over time", "Graph before and after", "Plan"):
        assert heading in page
    assert page.count('class="graph"') == 2
    assert "matmul" in page and "fused[" in page
    for call in plan.calls:
        assert (call.symbol or "copy") in page


def test_measured_times_are_shown(artifact: Artifact) -> None:
    times = [KernelTime(call.name, 1e-6 * (index + 1), 1) for index, call in enumerate(artifact.report.plan.calls)]
    page = render_page(artifact, times)
    assert "share of time" in page and "one run, one thread" in page
    assert "share of arithmetic" in render_page(artifact)


def test_the_command_measures_and_a_browser_runs_the_page(tmp_path: Path) -> None:
    model = small_model()
    # A relu of its own and a sum of many: enough for an arena.
    model.graph.node.append(helper.make_node("Transpose", ["z"], ["t"], "Transpose_0"))
    model.graph.node.append(helper.make_node("Softmax", ["t"], ["s"], "Softmax_0"))
    model.graph.output.append(helper.make_tensor_value_info("s", onnx.TensorProto.FLOAT, None))
    onnx.save(model, tmp_path / "model.onnx")
    page = tmp_path / "report.html"
    command = [str(tmp_path / "model.onnx"), "--input", "x:2,4", "-o", str(tmp_path / "out"), "--report", str(page)]
    assert main(command) == 0
    assert "share of time" in page.read_text()
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no Chromium to open the page in")
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
            f"--user-data-dir={tmp_path / 'b'}",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert 'data-ready="yes"' in done.stdout, "the page's script ran to its end"
    assert done.stdout.count("<svg") == page.read_text().count("<svg")
