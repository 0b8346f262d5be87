"""The wheel of the runtime alone: builds, installs, and runs an artifact without the repository."""

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from tests.runtime.affine import HERE, example_inputs, expected

REPOSITORY = HERE.parents[1]
SETUPTOOLS = 77  # the one that packaging/kiln-runtime/pyproject.toml asks for


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves its intermediate files beside what it builds."""
    tree = tmp_path_factory.mktemp("wheel")
    shutil.copytree(REPOSITORY / "packaging" / "kiln-runtime", tree / "packaging" / "kiln-runtime")
    shutil.copytree(REPOSITORY / "runtime", tree / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    installed = int(version("setuptools").split(".")[0])
    isolation = ["--no-build-isolation"] if installed >= SETUPTOOLS else []
    build = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", *isolation, "-w", tree,
         tree / "packaging" / "kiln-runtime"],
        capture_output=True,
        text=True,
    )  # fmt: skip
    if build.returncode != 0 and not isolation:
        pytest.skip(f"needs setuptools>={SETUPTOOLS} or a network to fetch it: {build.stderr[-200:]}")
    assert build.returncode == 0, build.stderr
    return next(tree.glob("kiln_runtime-*.whl"))


def test_contains_every_file_of_the_runtime_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        path.relative_to(REPOSITORY).as_posix()
        for pattern in ("*.py", "c/*.c", "c/*.h")
        for path in (REPOSITORY / "runtime").glob(pattern)
    }
    assert packed == wanted
    assert wheel.name.endswith("-py3-none-any.whl")


def test_installed_alone_it_runs_an_artifact(wheel: Path, archive: Path, tmp_path: Path) -> None:
    """In a bare environment that sees numpy and the wheel, and neither the repository nor other packages."""
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
         "--target", site, wheel],
        check=True,
    )  # fmt: skip
    site.joinpath("numpy").symlink_to(Path(np.__file__).parent)
    libraries = Path(np.__file__).parent.parent / "numpy.libs"
    if libraries.is_dir():
        site.joinpath("numpy.libs").symlink_to(libraries)
    np.save(tmp_path / "x.npy", example_inputs()["x"])
    np.save(tmp_path / "offset.npy", example_inputs()["offset"])
    # -S leaves the site packages of this environment out.
    command = [sys.executable, "-S", "-c", RUN, archive, "--input", "x=x.npy", "--input", "offset=offset.npy"]
    ran = subprocess.run(
        [*command, "--output", "out.npz", "--selftest"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "KILN_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "selftest passed" in ran.stdout
    assert str(site) in ran.stdout
    with np.load(tmp_path / "out.npz") as out:
        np.testing.assert_allclose(out["y"], expected(example_inputs())["y"], rtol=1e-4, atol=1e-5)


RUN = "import sys, runtime, runtime.run; print(runtime.__file__); sys.exit(runtime.run.main())"
