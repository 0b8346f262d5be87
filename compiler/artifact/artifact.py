"""``Artifact``: what ``compiler.compile`` returns. Owns a finished artifact directory and saving it
elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.artifact.staging import Staging, put_in_place
from compiler.codegen.plan import Plan
from compiler.errors import why_unwritable
from compiler.ir import Graph
from compiler.targets import Target
from runtime.archive import pack
from runtime.manifest import MANIFEST, Manifest

ARCHIVE_SUFFIX = ".tar.gz"
OTHER_SUFFIXES = (".zip", ".tgz", ".tar", ".gz", ".xz", ".so")
"""With these a name is surely not meant to be that of a directory."""


class SaveError(Exception):
    """An artifact cannot be written where the user wants it; the message names the path and the cause."""

    def __init__(self, destination: Path, reason: object) -> None:
        super().__init__(f"cannot write {destination}: {reason}")
        self.destination = destination


@dataclass(frozen=True)
class BuildReport:
    """What a build did, for people and for the report page.

    With a dynamic batch, ``imported`` is the graph of one row, ``optimized`` and ``plan`` are those of a tile of rows.
    ``seconds`` gives the time of each step; ``verification`` one line on what the numbers were compared with.
    ``tuned`` is the number of kernels that were made from tuning records.
    """

    target: Target
    imported: Graph
    optimized: Graph
    plan: Plan
    seconds: Mapping[str, float]
    verification: str
    tuned: int = 0
    warnings: tuple[str, ...] = ()


class Artifact:
    """A built model. Its directory is private and lives as long as this object; ``save`` makes a lasting
    copy."""

    def __init__(self, staging: Staging, directory: Path, manifest: Manifest, report: BuildReport) -> None:
        self._staging = staging
        self.directory = directory
        self.manifest = manifest
        self.report = report

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the artifact to ``path``: an archive if it ends in ``.tar.gz``, else a directory.

        It appears complete or not at all; an artifact that is there already is replaced in one step. Anything
        else that is there stays. Raises SaveError.
        """
        destination = Path(path)
        check_destination(destination)
        archive = _is_archive(destination)
        try:
            with Staging(destination.absolute().parent, f".{destination.name}.kiln-") as staging:
                made = staging.folder / "made"
                if archive:
                    pack(self.directory, made)
                else:
                    shutil.copytree(self.directory, made)
                put_in_place(made, destination)
        except OSError as error:
            raise SaveError(destination, error.strerror or error) from error
        return destination

    def close(self) -> None:
        """Remove the private directory now rather than with this object."""
        self._staging.close()

    def __enter__(self) -> Artifact:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_destination(destination: Path) -> None:
    """Raise SaveError where ``save`` would: nothing but an artifact of ours is ever replaced."""
    archive = _is_archive(destination)
    if reason := why_unwritable(destination):
        raise SaveError(destination, reason)
    if destination.suffix in OTHER_SUFFIXES and not archive:
        raise SaveError(destination, f"archives end in {ARCHIVE_SUFFIX}; other names are those of directories")
    if archive and destination.is_dir():
        raise SaveError(destination, "there is a directory of that name")
    if archive or not destination.exists():
        return
    if not destination.is_dir():
        raise SaveError(destination, f"there is a file of that name (archives end in {ARCHIVE_SUFFIX})")
    if any(destination.iterdir()) and not (destination / MANIFEST).is_file():
        raise SaveError(destination, "there is a directory with other things in it")


def check_report(path: Path) -> None:
    """Raise SaveError where a report cannot be written, so that it is known before there is something to report."""
    if path.is_dir():
        raise SaveError(path, "there is a directory of that name")
    if reason := why_unwritable(path):
        raise SaveError(path, reason)


def _is_archive(destination: Path) -> bool:
    return destination.name.endswith(ARCHIVE_SUFFIX)
