"""The .tar.gz form of an artifact: packing, and unpacking into a cache once per content.

Owns the archive's layout (manifest.json first, then the files of the manifest in order; regular files, plain
names, no timestamps or owners) and the cache's:

    $KILN_CACHE (default $XDG_CACHE_HOME/kiln or ~/.cache/kiln)
      artifacts/<sha256 of the archive>/     unpacked, complete: appears by one rename
      digests/<sha256 of a path>             see runtime.digest

An archive is untrusted input: as the manifest comes first, every later member is checked against it before a
byte is written, so neither its name nor its size can surprise. Must not know what the files mean.
"""

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, BinaryIO

from runtime.digest import remembered_sha256
from runtime.errors import ArchiveError, CacheError, DamagedArtifactError
from runtime.files import replacing
from runtime.manifest import MANIFEST, MAX_MANIFEST_BYTES, WEIGHTS, FileEntry, Manifest

_CHUNK = 1 << 20
_CODE_LEVEL = 6
_WEIGHTS_LEVEL = 0  # deflating float weights takes seconds and gains about 7%


def cache_root() -> Path:
    """The directory of everything that may be thrown away; KILN_CACHE overrides it."""
    if override := os.environ.get("KILN_CACHE"):
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kiln"


# Packing


def pack(directory: Path, destination: Path) -> None:
    """Write the artifact in `directory` as a .tar.gz: complete or not at all, reproducible."""
    manifest = Manifest.load(directory)
    with replacing(destination) as out:
        for name in (MANIFEST, *sorted(manifest.files)):
            with (directory / name).open("rb") as source:
                _pack_member(out, name, source)
        with _gzip_writer(out, _CODE_LEVEL) as stream:
            stream.write(bytes(tarfile.RECORDSIZE))


def _pack_member(out: BinaryIO, name: str, source: BinaryIO) -> None:
    """A gzip file may be several gzip streams in a row: one per member, so that each has its own level."""
    member = tarfile.TarInfo(name)
    member.size = os.fstat(source.fileno()).st_size
    member.mode = 0o644
    with _gzip_writer(out, _WEIGHTS_LEVEL if name == WEIGHTS else _CODE_LEVEL) as stream:
        stream.write(member.tobuf())
        shutil.copyfileobj(source, stream, _CHUNK)
        stream.write(bytes(-member.size % tarfile.BLOCKSIZE))


def _gzip_writer(out: BinaryIO, level: int) -> gzip.GzipFile:
    return gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=out, mtime=0)


# Unpacking


def unpack_cached(archive: Path) -> Path:
    """The directory with the content of `archive`, unpacked on the first call. Safe against concurrent calls.

    Raises ArchiveError, ManifestError or DamagedArtifactError for a bad archive, CacheError for an unwritable
    cache.
    """
    root = cache_root()
    try:
        digest = remembered_sha256(archive, root / "digests")
    except OSError as error:
        raise ArchiveError(archive, f"cannot be read: {error.strerror}") from error
    try:
        return _unpack_once(archive, root / "artifacts", digest)
    except OSError as error:
        raise CacheError(root, error.strerror or error) from error


def _unpack_once(archive: Path, cache: Path, digest: str) -> Path:
    final = cache / digest
    if (final / MANIFEST).is_file():
        return final
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=cache, ignore_cleanup_errors=True) as temporary:
        content = Path(temporary) / "artifact"
        content.mkdir()
        unpack(archive, content)
        try:
            content.rename(final)
        except OSError:
            if not (final / MANIFEST).is_file():  # else another process was faster
                raise
    return final


def unpack(archive: Path, directory: Path) -> Manifest:
    """Unpack `archive` into the existing, empty `directory` and verify every size and digest.

    Raises ArchiveError, ManifestError, DamagedArtifactError; OSError when the directory cannot be written.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            return _unpack_members(archive, tar, directory)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveError(archive, f"not a readable .tar.gz, or cut short: {error}") from error


def _unpack_members(archive: Path, tar: tarfile.TarFile, directory: Path) -> Manifest:
    manifest = _read_manifest(archive, tar)
    missing = set(manifest.files)
    while member := tar.next():
        _check_member(archive, member)
        if member.name not in missing:
            raise ArchiveError(archive, f"unexpected member {member.name!r}")
        missing.remove(member.name)
        _extract(archive, tar, member, directory, manifest.files[member.name])
    if missing:
        raise ArchiveError(archive, f"cut short: {sorted(missing)} missing")
    (directory / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _check_member(archive: Path, member: tarfile.TarInfo) -> None:
    if not member.isreg():
        raise ArchiveError(archive, f"member {member.name!r} is no regular file")
    if "/" in member.name or "\\" in member.name or member.name in ("", ".", ".."):
        raise ArchiveError(archive, f"member {member.name!r} is no plain file name")


def _stream(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(member)
    if stream is None:
        raise ArchiveError(archive, f"member {member.name!r} has no content")
    return stream


def _read_manifest(archive: Path, tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    if first is None:
        raise ArchiveError(archive, "empty")
    _check_member(archive, first)
    if first.name != MANIFEST:
        raise ArchiveError(archive, f"not an artifact: the first member is {first.name!r}, not {MANIFEST}")
    if first.size > MAX_MANIFEST_BYTES:
        raise ArchiveError(archive, f"{MANIFEST} claims {first.size} bytes")
    text = io.TextIOWrapper(_stream(archive, tar, first), encoding="utf-8", errors="replace").read()
    return Manifest.parse(text, archive / MANIFEST)


def _extract(archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, directory: Path, entry: FileEntry) -> None:
    if member.size != entry.bytes:
        raise DamagedArtifactError(archive, f"{member.name} has {member.size} bytes, the manifest says {entry.bytes}")
    digest = hashlib.sha256()
    source = _stream(archive, tar, member)
    with (directory / member.name).open("wb") as out:
        while chunk := source.read(_CHUNK):
            out.write(chunk)
            digest.update(chunk)
    if digest.hexdigest() != entry.sha256:
        raise DamagedArtifactError(archive, f"{member.name} does not match the digest in the manifest")
