"""The .tar.gz form: round trip, cache, and every kind of archive that must be refused."""

import gzip
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import runtime
from runtime.archive import pack, unpack, unpack_cached
from runtime.files import replacing
from runtime.manifest import Manifest
from tests.runtime.affine import run_command

Members = list[tuple[tarfile.TarInfo, bytes]]


def read_members(archive: Path) -> Members:
    with tarfile.open(archive) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar]  # pyright: ignore


def write_members(path: Path, members: Members) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return path


def file_member(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def link_member(name: str, kind: bytes, target: str) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def test_packing_is_reproducible_and_standard(built: Path, archive: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.tar.gz"
    pack(built, again)
    assert archive.read_bytes() == again.read_bytes()
    names = run_command("tar", "tzf", archive).split()
    assert names[0] == "manifest.json"
    assert sorted(names) == sorted(path.name for path in built.iterdir())
    with gzip.open(archive) as stream:
        assert len(stream.read()) % 512 == 0


def test_unpacking_gives_the_same_files(built: Path, archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert unpack(archive, folder) == Manifest.load(built)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {p.name: p.read_bytes() for p in built.iterdir()}


def test_failed_packing_leaves_nothing(artifact: Path, tmp_path: Path) -> None:
    (artifact / "weights.bin").unlink()
    target = tmp_path / "new" / "out.tar.gz"
    target.parent.mkdir()
    with pytest.raises(FileNotFoundError):
        pack(artifact, target)
    assert not list(target.parent.iterdir())


def test_a_replaced_file_has_ordinary_permissions(tmp_path: Path) -> None:
    with replacing(tmp_path / "new") as file:
        file.write(b"x")
    (tmp_path / "ordinary").touch()
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_unpacked_once_per_content(archive: Path, cache: Path, tmp_path: Path) -> None:
    first = unpack_cached(archive)
    stamp = (first / "model.so").stat().st_ino
    other = tmp_path / "renamed.tar.gz"
    archive.rename(other)
    assert unpack_cached(other) == first
    assert (first / "model.so").stat().st_ino == stamp
    assert [p.name for p in (cache / "artifacts").iterdir()] == [first.name]


def test_a_digest_is_remembered_only_while_nothing_changed(
    archive: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.digest._SETTLED_NS", -1)
    unpack_cached(archive)
    assert len(list((cache / "digests").iterdir())) == 1
    before = os.stat(archive)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    os.utime(archive, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(runtime.ArtifactError):
        unpack_cached(archive)


def test_concurrent_unpackers_agree(archive: Path) -> None:
    code = "import sys, pathlib, runtime.archive as a; print(a.unpack_cached(pathlib.Path(sys.argv[1])))"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, archive], stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    answers = {process.communicate()[0].strip() for process in processes}
    assert all(process.returncode == 0 for process in processes)
    assert len(answers) == 1
    folder = Path(answers.pop())
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("keep", [0, 10, 200, 0.3, 0.9, 0.999])
def test_truncated_archive(archive: Path, cache: Path, keep: float) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: int(keep * len(content)) if keep < 1 else int(keep)])
    with pytest.raises(runtime.ArtifactError, match=r"affine\.tar\.gz: .*(cut short|empty|not a readable)"):
        runtime.Model(archive)
    assert not list((cache / "artifacts").glob("*"))


@pytest.mark.parametrize("position", [0.02, 0.2, 0.5, 0.8, 0.98])
def test_a_flipped_bit_anywhere(archive: Path, cache: Path, position: float) -> None:
    content = bytearray(archive.read_bytes())
    content[int(position * len(content))] ^= 0x10
    archive.write_bytes(content)
    with pytest.raises(runtime.ArtifactError, match=r"affine\.tar\.gz"):
        runtime.Model(archive)
    assert not list((cache / "artifacts").glob("*"))


def test_a_tampered_archive_is_refused_after_the_good_one_was_unpacked(archive: Path) -> None:
    runtime.Model(archive).close()
    members = read_members(archive)
    tampered = [(m, c.replace(b"GNU", b"gnu") if m.name == "model.so" else c) for m, c in members]
    assert tampered != members
    write_members(archive, tampered)
    with pytest.raises(runtime.DamagedArtifactError, match=r"model\.so does not match the digest"):
        runtime.Model(archive)


MALICIOUS: dict[str, Callable[[Members], Members]] = {
    "is no plain file name": lambda m: [*m, file_member("../evil")],
    "'/tmp/evil' is no plain": lambda m: [*m, file_member("/tmp/evil")],
    "'sub/evil' is no plain": lambda m: [*m, file_member("sub/evil")],
    "unexpected member 'evil'": lambda m: [*m, file_member("evil")],
    "unexpected member 'model.so'": lambda m: [*m, *(x for x in m if x[0].name == "model.so")],
    "'s' is no regular file": lambda m: [*m, link_member("s", tarfile.SYMTYPE, "/etc/passwd")],
    "'h' is no regular file": lambda m: [*m, link_member("h", tarfile.LNKTYPE, "model.so")],
    "'f' is no regular file": lambda m: [*m, link_member("f", tarfile.FIFOTYPE, "")],
    "first member is 'kiln.h'": lambda m: [*m[2:], *m[:2]],
    "weights.bin'] missing": lambda m: [x for x in m if x[0].name != "weights.bin"],
    "the manifest says": lambda m: [file_member(x[0].name, x[1] + b"+") if x[0].name == "kiln.h" else x for x in m],
}


@pytest.mark.parametrize("message", MALICIOUS)
def test_malicious_archive(archive: Path, cache: Path, tmp_path: Path, message: str) -> None:
    members = read_members(archive)
    write_members(archive, MALICIOUS[message](members))
    before = {p for p in tmp_path.rglob("*") if cache not in p.parents}
    with pytest.raises(runtime.ArtifactError) as caught:
        runtime.Model(archive)
    assert message in str(caught.value)
    assert not list((cache / "artifacts").glob("*"))
    assert {p for p in tmp_path.rglob("*") if cache not in p.parents} - {cache} == before - {cache}


def test_not_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"\x89PNG" + bytes(100))
    with pytest.raises(runtime.ArchiveError, match=r"photo\.png: not a readable \.tar\.gz"):
        runtime.Model(path)
    with pytest.raises(runtime.ArtifactNotFoundError, match="no such artifact"):
        runtime.Model(tmp_path / "absent")


def test_unwritable_cache(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the way stands for a read-only disk, which root would not notice."""
    blocker = tmp_path / "file"
    blocker.touch()
    monkeypatch.setenv("KILN_CACHE", str(blocker / "cache"))
    with pytest.raises(runtime.CacheError, match=r"cannot write the artifact cache .*set KILN_CACHE"):
        runtime.Model(archive)


def test_neither_directory_nor_file(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(runtime.ArtifactNotFoundError, match="neither a directory nor a file"):
        runtime.Model(path)
