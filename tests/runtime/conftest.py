"""Fixtures: the example artifact, and an archive cache of its own for every test."""

import shutil
from pathlib import Path

import pytest

from runtime.archive import pack
from tests.runtime.affine import build_artifact
from tests.runtime.rowwise import build_rows_artifact


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where archives are unpacked; no test sees another's, or the user's."""
    monkeypatch.setenv("KILN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example artifact, built once; not to be changed."""
    return build_artifact(tmp_path_factory.mktemp("built") / "affine")


@pytest.fixture(scope="session")
def built_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with a dynamic batch, built once; not to be changed."""
    return build_rows_artifact(tmp_path_factory.mktemp("built") / "rows")


@pytest.fixture
def artifact(built: Path, tmp_path: Path) -> Path:
    """A copy of the example artifact that the test may damage."""
    return shutil.copytree(built, tmp_path / "artifact")


@pytest.fixture
def archive(built: Path, tmp_path: Path) -> Path:
    """The example artifact as a .tar.gz."""
    path = tmp_path / "affine.tar.gz"
    pack(built, path)
    return path
