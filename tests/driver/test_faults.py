"""What can go wrong around a build: one clear error each, and nothing left behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compiler
import runtime
from compiler.artifact import SaveError, Staging, check_destination
from compiler.build import main

SHAPE = ["--input", "x:2,4"]


def build(
    *arguments: str, environment: dict[str, str] | None = None, **popen: object
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "compiler.build", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
        **popen,  # type: ignore[call-overload]
    )


def assert_one_error(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_disk_full(model_file: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for a disk without room: either way a write fails."""
    target = tmp_path / "out"
    target.mkdir()

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    assert build(str(model_file), *SHAPE, "-o", str(tmp_path / "warm.tar.gz")).returncode == 0
    done = build(str(model_file), *SHAPE, "-o", str(target / "model.tar.gz"), preexec_fn=small_files)
    assert_one_error(done, "File too large")
    assert left_in(target) == []


@pytest.mark.parametrize("name", ["model.tar.gz", "model"])
def test_killed_while_saving_leaves_nothing_that_looks_complete(
    name: str, model_file: Path, tmp_path: Path, shared_cache: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    program = (
        "import sys, time, compiler, compiler.artifact.artifact as artifact\n"
        "def hang(*_):\n    print('saving', flush=True); time.sleep(60)\n"
        "artifact.put_in_place = hang\n"
        f"compiler.compile({str(model_file)!r}, inputs={{'x': (2, 4)}}).save({str(out / name)!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "saving\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / name).exists()
    assert left_in(out), "the killed build was in the middle of saving"
    with compiler.compile(model_file, inputs={"x": (2, 4)}) as artifact:
        artifact.save(out / name)
    assert left_in(out) == [name], "the next build sweeps away what the killed one left"
    assert left_in(shared_cache / "build" / "staging") == []


def test_what_is_in_use_is_not_swept_away(tmp_path: Path) -> None:
    with Staging(tmp_path, "build-") as first, Staging(tmp_path, "build-") as second:
        assert first.folder.is_dir() and second.folder.is_dir()
    assert left_in(tmp_path) == []


def test_unwritable_cache(model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    cache = tmp_path / "file" / "cache"
    done = build(str(model_file), *SHAPE, "-o", str(tmp_path / "x.tar.gz"), environment={"KILN_CACHE": str(cache)})
    assert_one_error(done, str(tmp_path / "file"), "Not a directory")
    assert not (tmp_path / "x.tar.gz").exists()


def test_no_c_compiler(model_file: Path, tmp_path: Path) -> None:
    done = build(str(model_file), *SHAPE, "-o", str(tmp_path / "x.tar.gz"), environment={"CC": "/no/such/compiler"})
    assert_one_error(done, "/no/such/compiler")


@pytest.mark.parametrize("output", ["file/below.tar.gz", "file"])
def test_unwritable_destination_is_found_before_anything_is_compiled(
    output: str, model_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = tmp_path / "cache"
    done = build(str(model_file), *SHAPE, "-o", str(tmp_path / output), environment={"KILN_CACHE": str(cache)})
    assert_one_error(done, str(tmp_path / output.partition("/")[0]))
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_an_unwritable_report_is_found_before_anything_is_compiled(model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = tmp_path / "cache"
    report = tmp_path / "file" / "report.html"
    done = build(
        *(str(model_file), *SHAPE, "-o", str(tmp_path / "x.tar.gz"), "--report", str(report)),
        environment={"KILN_CACHE": str(cache)},
    )
    assert_one_error(done, str(report))
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["model.zip", "model.tgz", "model.so"])
def test_a_name_of_another_kind_of_file_is_no_directory(name: str, tmp_path: Path) -> None:
    with pytest.raises(SaveError, match=r"archives end in \.tar\.gz"):
        check_destination(tmp_path / name)
    check_destination(tmp_path / "model.v2")


def test_a_directory_with_other_things_is_never_replaced(model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"precious")
    artifact = compiler.compile(model_file, inputs={"x": (2, 4)})
    with artifact, pytest.raises(SaveError, match="other things in it"):
        artifact.save(tmp_path / "photos")
    assert left_in(tmp_path / "photos") == ["one.jpg"]


def test_an_artifact_is_replaced_in_one_step(model_file: Path, tmp_path: Path) -> None:
    destination = tmp_path / "model"
    for rows in (2, 3):
        with compiler.compile(model_file, inputs={"x": (rows, 4)}) as artifact:
            artifact.save(destination)
    outputs = runtime.Model(destination).run({"x": np.zeros((3, 4), np.float32)})
    assert outputs["y"].shape == (3, 3)
    assert left_in(tmp_path) == ["model", "small.onnx"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"\x08\x09garbage", "not an ONNX model"), (b"<html>", "text")],
)
def test_not_a_model(content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert main([str(path), "-o", str(tmp_path / "out.tar.gz")]) == 1
    error = capsys.readouterr().err
    assert str(path) in error and message in error
    assert left_in(tmp_path) == ["model.onnx"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.tflite", b"\x20\0\0\0TFL3", "a file of TensorFlow Lite, which Kiln does not read"),
        ("model.pt", b"PK\3\4", "a file of PyTorch, which Kiln does not read; export the model to ONNX"),
        (
            "model.bin",
            b"\0\0\0\x3f",
            "not an ONNX model, or a truncated one; Kiln reads ONNX (.onnx), XGBoost (.json, .ubj)",
        ),
        ("model.json", b'{"name": "tree", "tree_info": []}', "a dump of LightGBM"),
        ("model.json", b'[{"nodeid": 0}]', "a list, as a dump of trees is"),
    ],
)
def test_models_of_other_formats_are_known_for_what_they_are(
    name: str, content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert main([str(path), "-o", str(tmp_path / "out.tar.gz")]) == 1
    error = capsys.readouterr().err
    assert f"{path}: {message}" in error and error.count("\n") == 1


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nothing.onnx"), "-o", str(tmp_path / "out.tar.gz")]) == 1
    assert "no such file" in capsys.readouterr().err


def test_an_open_dimension_says_what_to_type(
    model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(model_file), "-o", str(tmp_path / "out.tar.gz")]) == 1
    assert "--input x:<N>,4" in capsys.readouterr().err


def test_a_wrong_result_fails_the_build(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.proof.Source.ask", _wrong_answer)
    monkeypatch.setattr("compiler.proof.SEEDS", (98, 99))  # no answer of another test is remembered
    with pytest.raises(compiler.VerificationError) as caught:
        compiler.compile(model_file, inputs={"x": (2, 4)})
    message = str(caught.value)
    assert "output 'y': element [" in message and "disagrees with a liar" in message
    assert "compiler.bisect" in message


def _wrong_answer(source: object, graph: object, inputs: object) -> object:
    from compiler.verification import Answer

    return Answer({"y": np.full((2, 3), 7, np.float32), "z": np.zeros((4, 4), np.float32)}, "a liar")
