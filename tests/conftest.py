"""What all tests share: hypothesis profiles, the folder of real models, one BLAS thread per test process."""

from __future__ import annotations

import os
from pathlib import Path

# Before numpy is imported: test processes run side by side, and each would start a thread per processor.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent

# `ci` runs the same examples every time, so that a failure is a change of ours; `long` looks for new ones.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.register_profile(
    "long",
    deadline=None,
    max_examples=5000,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile(os.environ.get("KILN_HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session", autouse=True)
def own_tuning_database(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the user's tuning database; shipped records are used as users use them."""
    os.environ["KILN_DATABASE"] = str(tmp_path_factory.mktemp("tuning") / "tuning.db")


@pytest.fixture(scope="session")
def zoo() -> Path:
    """A folder of real models beside the repository; tests that need it skip where it is absent."""
    folder = REPOSITORY.parent / "shared" / "zoo"
    if not folder.is_dir():
        pytest.skip(f"no folder of real models at {folder}")
    return folder
