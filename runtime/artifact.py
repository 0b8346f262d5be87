"""An artifact on disk: finding it, and making sure that it is whole.

How much is checked when: opening reads little, so it always compares the digests of the manifest and of
model.so and the size of every file, and the C runtime compares the header of the weights with the plan. The
digests of everything are compared when an archive is unpacked, and by `verify_all` (`python -m runtime.run
--selftest`).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from runtime.archive import unpack_cached
from runtime.digest import sha256_file
from runtime.errors import ArtifactNotFoundError, DamagedArtifactError
from runtime.host import check_host
from runtime.manifest import LIBRARY, Manifest


@dataclass(frozen=True)
class Artifact:
    """A verified artifact directory."""

    directory: Path
    manifest: Manifest


def open_artifact(path: str | os.PathLike[str]) -> Artifact:
    """Open an artifact directory, or unpack a .tar.gz into the cache and open that.

    Raises an ArtifactError that names the file: not found, damaged, for another machine, cache unwritable.
    """
    given = Path(path)
    if not given.exists():
        raise ArtifactNotFoundError(given, "no such artifact")
    if not (given.is_dir() or given.is_file()):
        raise ArtifactNotFoundError(given, "neither a directory nor a file")
    directory = given if given.is_dir() else unpack_cached(given)
    manifest = Manifest.load(directory)
    _check_sizes(directory, manifest)
    _check_digest(directory, manifest, LIBRARY)
    check_host(directory, manifest)
    return Artifact(directory, manifest)


def verify_all(artifact: Artifact) -> None:
    """Compare every file with its digest in the manifest; raises DamagedArtifactError. Reads everything."""
    for name in artifact.manifest.files:
        _check_digest(artifact.directory, artifact.manifest, name)


def _check_sizes(directory: Path, manifest: Manifest) -> None:
    for name, entry in manifest.files.items():
        path = directory / name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise DamagedArtifactError(path, f"part of the artifact, but {error.strerror}") from error
        if size != entry.bytes:
            raise DamagedArtifactError(path, f"truncated or replaced: {size} bytes, expected {entry.bytes}")


def _check_digest(directory: Path, manifest: Manifest, name: str) -> None:
    path = directory / name
    if sha256_file(path) != manifest.files[name].sha256:
        raise DamagedArtifactError(path, "its content does not match the digest in the manifest")
