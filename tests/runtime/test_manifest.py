"""manifest.json: round trip, and errors that name the field."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import runtime
from runtime.manifest import FileEntry, KernelEntry, Manifest, TargetInfo, Tolerance, _digest
from runtime.tensors import TensorSpec

PATH = Path("somewhere/manifest.json")
TENSOR = {"name": "x", "dtype": "float32", "shape": [1]}


def example() -> Manifest:
    entry = FileEntry("ab" * 32, 10)
    return Manifest(
        name="m",
        inputs={"x": TensorSpec("float32", (5, 3)), "n": TensorSpec("int64", ())},
        outputs={"y": TensorSpec("bfloat16", (4,))},
        target=TargetInfo("t", "x86_64-linux-gnu", ("avx2",), "2.28"),
        files={"weights.bin": entry, "model.so": entry, "kiln.h": entry},
        arena_bytes=64,
        tolerance=Tolerance(1e-3, 1e-4),
        versions={"kiln": "0.1.0"},
        kernels=(KernelEntry("conv", 1e9, 2.0),),
        provenance={"source": "m.onnx", "passes": ["fuse", {"max": 3}], "none": None},
    )


def edited(**changes: object) -> str:
    body = json.loads(example().to_json())
    del body["digest"]
    body |= changes
    return json.dumps(body | {"digest": _digest(body)})


def test_round_trip() -> None:
    text = example().to_json()
    assert Manifest.parse(text, PATH) == example()
    assert Manifest.parse(text, PATH).to_json() == text
    assert list(Manifest.parse(text, PATH).inputs) == ["x", "n"]


def test_a_dynamic_batch_is_format_2() -> None:
    specs = {"x": TensorSpec("float32", (None, 3))}
    manifest = replace(example(), inputs=specs, outputs=specs)
    text = manifest.to_json()
    assert json.loads(text)["format"] == 2
    assert Manifest.parse(text, PATH) == manifest
    assert manifest.is_dynamic
    assert not example().is_dynamic
    body = json.loads(text) | {"outputs": [TENSOR | {"shape": [None, None]}]}
    del body["digest"]
    with pytest.raises(runtime.ManifestError, match=r"'outputs\[0\].shape': expected null, as dimension 0"):
        Manifest.parse(json.dumps(body | {"digest": _digest(body)}), PATH)


def test_reformatting_keeps_the_digest() -> None:
    assert Manifest.parse(json.dumps(json.loads(example().to_json())), PATH) == example()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 3}, "format 3; this runtime reads formats 1 and 2: update kiln-runtime"),
        ({"format": 2}, r"'inputs\[0\].shape': expected null, as dimension 0, got \[5, 3\]"),
        ({"inputs": [TENSOR | {"shape": [None]}]}, r"'inputs\[0\].shape': expected no null in format 1"),
        ({"format": "1"}, "'format': expected an integer >= 0, got '1'"),
        ({"name": None}, "'name': expected a string, got None"),
        ({"inputs": {}}, "'inputs': expected a list"),
        ({"inputs": [3]}, "'inputs': expected a list of objects"),
        (
            {"inputs": [TENSOR | {"dtype": "float8"}]},
            r"'inputs\[0\].dtype': expected one of .*, got 'float8'",
        ),
        (
            {"inputs": [TENSOR | {"shape": [-1]}]},
            r"'inputs\[0\].shape': expected a list of integers >= 0 or null",
        ),
        ({"inputs": [TENSOR, TENSOR]}, r"'inputs\[1\].name': expected a name that no other row has"),
        ({"target": {"name": "t"}}, "'target.triple': expected a string, got nothing"),
        ({"files": {}}, "expected entries for .*model.so"),
        ({"files": {"model.so": {"sha256": "xyz", "bytes": 1}}}, "'files.model.so.sha256': expected 64"),
        ({"tolerance": {"rtol": float("nan"), "atol": 0}}, "'tolerance.rtol': expected a number >= 0"),
        ({"arena_bytes": True}, "'arena_bytes': expected an integer"),
        ({"versions": {"kiln": 1}}, "'versions.kiln': expected a string"),
    ],
)
def test_errors_name_the_field(changes: dict[str, object], message: str) -> None:
    with pytest.raises(runtime.ManifestError, match=f"^somewhere/manifest.json: .*{message}"):
        Manifest.parse(edited(**changes), PATH)


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"'])
def test_not_a_json_object(text: str) -> None:
    with pytest.raises(runtime.ManifestError, match=r"not JSON|expected a JSON object"):
        Manifest.parse(text, PATH)
