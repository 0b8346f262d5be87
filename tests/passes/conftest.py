"""The ``--update-golden`` option, and golden files as test parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the expected text of golden files")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden_file" in metafunc.fixturenames:
        files = sorted(GOLDEN.glob("*/*.kiln"))
        metafunc.parametrize("golden_file", files, ids=[f"{f.parent.name}/{f.stem}" for f in files])


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden", default=False))
