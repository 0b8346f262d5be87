"""What tests of the documents share: a folder to run them in, and one cache for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.execution import Scratch


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kernels, once compiled, serve all documents; also those that other test processes run."""
    cache = tmp_path_factory.getbasetemp().parent / "documents-cache"
    cache.mkdir(exist_ok=True)
    return cache


@pytest.fixture
def scratch(tmp_path: Path, shared_cache: Path) -> Scratch:
    """A folder that looks like the root of the repository."""
    folder = tmp_path / "root"
    folder.mkdir()
    return Scratch(folder, shared_cache)
