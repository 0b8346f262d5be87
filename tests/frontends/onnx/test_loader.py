"""Files that are no good: one clear error each."""

from __future__ import annotations

import contextlib
import os

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from compiler.ir import evaluate, verify
from frontends import onnx as frontend
from frontends.onnx import MalformedModel, UnreadableModel
from tests.frontends.onnx.texts import model

ABS = "main (float[2] x) => (float[2] y) { y = Abs(x) }"


def test_a_path_bytes_and_a_message_give_the_same_graph(tmp_path):
    proto = model(ABS)
    path = tmp_path / "m.onnx"
    onnx.save(proto, path)
    assert frontend.load(path) == frontend.load(str(path)) == frontend.load(path.read_bytes()) == frontend.load(proto)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(200)), "not an ONNX model"),
        (b'<ir_version: 8, opset_import: ["" : 15]> main () => () {}', "this is text"),
        (b'{"irVersion": 8}', "this is text"),
        (helper.make_tensor("t", TensorProto.FLOAT, [2], [1.0, 2.0]).SerializeToString(), "not an ONNX model"),
    ],
)
def test_what_is_not_an_onnx_file(tmp_path, content, message):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(UnreadableModel, match=message) as caught:
        frontend.load(path)
    assert str(path) in str(caught.value)


def test_every_truncation_is_an_error_of_ours(tmp_path):
    weights = np.arange(64, dtype=np.float32)
    proto = model(
        "main (float[64] x) => (float[64] y) { y = Add(x, w) }".replace(
            "main (float[64] x)", "main (float[64] x, float[64] w)"
        )
    )
    proto.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    content = proto.SerializeToString()
    path = tmp_path / "m.onnx"
    for size in range(0, len(content) - 1, 7):
        path.write_bytes(content[:size])
        with pytest.raises(frontend.ModelError):
            frontend.load(path)


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(UnreadableModel, match="no such file"):
        frontend.load(tmp_path / "absent.onnx")
    with pytest.raises(UnreadableModel, match="is a directory"):
        frontend.load(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(self: object) -> bytes:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(UnreadableModel, match="Permission denied"):
        frontend.load(tmp_path / "m.onnx")


@pytest.mark.parametrize("extra", ["", ', "ai.onnx.ml" : 99'])
def test_operator_sets_from_the_future(extra):
    proto = model(ABS, opset=21, extra=extra)
    if not extra:
        proto.opset_import[0].version = 99
    with pytest.raises(MalformedModel, match=r"99 is newer than the newest that Kiln knows, \d+"):
        frontend.load(proto)


def test_a_model_that_states_no_operator_set():
    proto = model(ABS)
    del proto.opset_import[:]
    with pytest.raises(MalformedModel, match="does not say which operator set it uses"):
        frontend.load(proto)


def test_the_operator_set_of_a_node_must_be_stated():
    proto = model(ABS)
    proto.opset_import[0].domain = "ai.onnx.ml"
    proto.opset_import[0].version = 3
    with pytest.raises(MalformedModel, match=r"states no version of operator set 'ai\.onnx'"):
        frontend.load(proto)


def test_old_operator_sets_are_upgraded():
    node = helper.make_node("Add", ["x", "b"], ["y"], broadcast=1, axis=2)
    slope = helper.make_node("PRelu", ["y", "s"], ["z"])
    graph = helper.make_graph(
        [node, slope],
        "old",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 3])]
        + [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "bs"],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [2, 3, 3])],
        [
            numpy_helper.from_array(np.array([0, 10, 20], np.float32), "b"),
            numpy_helper.from_array(np.array([1, 2, 3], np.float32), "s"),
        ],
    )
    old = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 6)], ir_version=3)
    x = np.arange(-9, 9, dtype=np.float32).reshape(2, 3, 3)
    (result,) = evaluate(frontend.load(old), {"x": x}).values()
    y = x + np.array([0, 10, 20], np.float32)
    np.testing.assert_array_equal(result, np.where(y < 0, y * np.array([1, 2, 3], np.float32)[:, None], y))


def test_an_old_model_that_cannot_be_upgraded():
    proto = model(ABS)
    proto.opset_import[0].version = 5
    proto.graph.node[0].op_type = "Affine"
    with pytest.raises(MalformedModel, match=r"operator set 5 is older than 7, and onnx\.version_converter cannot"):
        frontend.load(proto)


# -- external data ----------------------------------------------------------------------------------


def with_external_weights(folder, location="w.bin", **entries):
    """A saved model that adds 4 floats from the file ``location``."""
    proto = model("main (float[4] x, float[4] w) => (float[4] y) { y = Add(x, w) }")
    tensor = proto.graph.initializer.add()
    tensor.CopyFrom(TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4]))
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    (folder / "model").mkdir(exist_ok=True)
    path = folder / "model" / "m.onnx"
    onnx.save(proto, path)
    return path


def test_external_data_is_read(tmp_path):
    path = with_external_weights(tmp_path, offset="4", length="16")
    np.arange(6, dtype=np.float32).tofile(path.parent / "w.bin")
    (result,) = evaluate(frontend.load(path), {"x": np.zeros(4, np.float32)}).values()
    np.testing.assert_array_equal(result, [1, 2, 3, 4])


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "", "link.bin"])
def test_external_data_outside_of_the_model_s_folder(tmp_path, location):
    path = with_external_weights(tmp_path, location)
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    (path.parent / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(UnreadableModel, match="lies outside the model's folder"):
        frontend.load(path)


def test_external_data_that_is_missing_or_short(tmp_path):
    path = with_external_weights(tmp_path)
    with pytest.raises(UnreadableModel, match=r"tensor 'w': its data file .*w\.bin' cannot be read: No such file"):
        frontend.load(path)
    path = with_external_weights(tmp_path, length="16")
    (path.parent / "w.bin").write_bytes(bytes(15))
    with pytest.raises(UnreadableModel, match="has 15 bytes, too few for 16 at 0"):
        frontend.load(path)
    (path.parent / "w.bin").write_bytes(bytes(16))
    with pytest.raises(MalformedModel, match="offset or length '-4'"):
        frontend.load(with_external_weights(tmp_path, offset="-4"))
    with pytest.raises(MalformedModel, match="tensor 'w' is damaged"):
        frontend.load(with_external_weights(tmp_path, length="8"))


def test_external_data_of_a_model_in_memory(tmp_path):
    path = with_external_weights(tmp_path)
    with pytest.raises(UnreadableModel, match="which only a model given by path can find"):
        frontend.load(path.read_bytes())


def test_a_message_is_not_changed():
    proto = model(ABS)
    before = proto.SerializeToString()
    frontend.load(proto)
    assert proto.SerializeToString() == before


CONTENT = model(
    """main (bool c, float[2,3] x) => (float[n] y) {
        s = Shape(x)
        m = If (c) <then_branch = t () => (float[2,3] a) { a = Softmax<axis = 1>(x) },
                    else_branch = e () => (float[2,3] b) { b = Clip(x) }>
        flat = Constant<value_ints = [-1]>()
        y = Reshape(m, flat)
    }"""
).SerializeToString()


@given(place=st.integers(0, len(CONTENT) - 1), byte=st.integers(0, 255))
def test_damage_is_an_error_of_ours_or_none(place, byte):
    damaged = CONTENT[:place] + bytes([byte]) + CONTENT[place + 1 :]
    with contextlib.suppress(frontend.ModelError):
        verify(frontend.load(damaged))
