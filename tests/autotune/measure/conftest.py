"""What tests of measuring share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the runner and for data of tasks, which are the same for all tests."""
    return tmp_path_factory.mktemp("measure")
