"""What tests of real models share: one cache of compiled kernels for all test processes, so that equal layers are
compiled once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def build_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test session share, and no other session."""
    base = tmp_path_factory.getbasetemp()
    session = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return session / "zoo-build-cache"
