"""Golden files: ``golden/<pass>/NAME.kiln`` holds a graph, a line of dashes, and the graph after the pass.

The first lines may name another pipeline, ``// passes: fuse{max-ops=2}``, and a target, ``// target:
znver5``. After an intended change, run ``pytest tests/passes --update-golden`` and read the difference.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compiler.ir import parse_graph, print_graph
from compiler.passes import PASSES, PassManager
from tests.ir.comparison import assert_same_results, random_inputs
from tests.passes.conftest import GOLDEN

SEPARATOR = "// " + "-" * 40 + "\n"
HEADER = re.compile(r"^// (passes|target): (.*)$", re.MULTILINE)


def test_golden(golden_file: Path, update_golden: bool) -> None:
    text = golden_file.read_text()
    before, _, expected = text.partition(SEPARATOR)
    header = dict(HEADER.findall(before))
    graph = parse_graph(before)
    manager = PassManager.parse(header.get("passes", golden_file.parent.name))
    result = manager.run(graph, header.get("target"), verify=True)
    inputs = random_inputs(graph)
    assert_same_results(graph, result, inputs, exact=False)
    after = print_graph(result)
    if update_golden:
        golden_file.write_text(before + SEPARATOR + after)
    else:
        assert after == expected


@pytest.mark.parametrize("name", [cls.name for cls in PASSES])
def test_every_pass_has_golden_files(name: str) -> None:
    assert list((GOLDEN / name).glob("*.kiln"))
