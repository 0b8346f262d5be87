"""From what the user names (a path, bytes, a message) to a ModelProto whose data is complete, or one clear
error.

Owns files: parsing, external data, versions. Does not look at what the nodes mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, defs

from frontends.onnx.errors import MalformedModel, UnreadableModel
from frontends.onnx.legacy import OLDEST_OPSET, upgraded

Source = str | os.PathLike[str] | bytes | ModelProto


def read_model(source: Source) -> tuple[ModelProto, str]:
    """The model and what to call it in messages. ``source``'s own message is never changed.

    Raises:
        UnreadableModel: no such file, not ONNX, truncated, external data missing or outside the model's
        folder. MalformedModel: no graph, no outputs, or an operator set from the future.
    """
    if isinstance(source, ModelProto):
        model, name, folder = source, source.graph.name or "model", None
    elif isinstance(source, bytes):
        model, name, folder = _parse(source, "the given bytes"), "model", None
    else:
        path = Path(source)
        model, name, folder = _parse(_read_file(path), str(path)), path.name, path.parent
    _check_header(model, name)
    if any(_external(tensor) for tensor in tensors_of(model)):
        if isinstance(source, ModelProto):
            model = ModelProto.FromString(source.SerializeToString())
        for tensor in filter(_external, tensors_of(model)):
            _embed(tensor, folder, name)
    return upgraded(model, opsets(model.opset_import).get("", OLDEST_OPSET), name), name


def opsets(imports: Iterable[object]) -> dict[str, int]:
    """Domain -> version of an ``opset_import`` list; the default domain is spelled ``""``."""
    return {_domain(entry.domain): entry.version for entry in imports}  # type: ignore[attr-defined]


def _domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def tensors_of(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor of the model: initializers and attributes, in nested graphs and functions too."""
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _attribute_tensors(node.attribute)


def _graph_tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        yield from _attribute_tensors(node.attribute)


def _attribute_tensors(attributes: Iterable[AttributeProto]) -> Iterator[TensorProto]:
    for attribute in attributes:
        if attribute.type == AttributeProto.TENSOR:
            yield attribute.t
        yield from attribute.tensors
        for graph in (attribute.g, *attribute.graphs):
            yield from _graph_tensors(graph)


# -- the file -------------------------------------------------------------------------------------


def _read_file(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableModel(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UnreadableModel(f"{path} is a directory, expected an ONNX file") from None
    except OSError as error:
        raise UnreadableModel(f"{path}: cannot be read: {error.strerror}") from None
    if not data:
        raise UnreadableModel(f"{path}: the file is empty")
    return data


def _parse(data: bytes, what: str) -> ModelProto:
    if data.lstrip()[:1] in (b"<", b"{") or data.lstrip().startswith(b"ir_version"):
        raise UnreadableModel(f"{what}: this is text; Kiln reads ONNX in its binary form")
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise UnreadableModel(f"{what}: not an ONNX model, or a truncated one") from None
    # Random bytes may parse as a message of fields that nobody knows.
    if not model.HasField("graph") or not model.ir_version:
        raise UnreadableModel(f"{what}: not an ONNX model (it has no graph), or a truncated one")
    return model


def _check_header(model: ModelProto, name: str) -> None:
    if not model.graph.output:
        raise MalformedModel(f"{name}: the graph has no outputs; a truncated file looks like this")
    if not model.opset_import:
        raise MalformedModel(f"{name}: the model does not say which operator set it uses")
    newest = {"": defs.onnx_opset_version(), "ai.onnx.ml": defs.onnx_ml_opset_version()}
    for domain, version in opsets(model.opset_import).items():
        label = domain or "ai.onnx"
        if domain in newest and version > newest[domain]:
            raise MalformedModel(
                f"{name}: operator set {label} {version} is newer than the newest that Kiln knows,"
                f" {newest[domain]}"
            )


# -- external data ----------------------------------------------------------------------------------


def _external(tensor: TensorProto) -> bool:
    return tensor.data_location == TensorProto.EXTERNAL


def _embed(tensor: TensorProto, folder: Path | None, model: str) -> None:
    """Read a tensor's external data into the message."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    label = f"{model}: tensor {tensor.name!r}"
    location = entries.get("location", "")
    if folder is None:
        raise UnreadableModel(
            f"{label} has its data in the file {location!r}, which only a model given by path can find"
        )
    data = _external_bytes(folder, location, label)
    offset = _number(entries.get("offset", "0"), label)
    length = _number(entries.get("length", str(len(data) - offset)), label)
    if offset + length > len(data):
        raise UnreadableModel(
            f"{label}: the file {location!r} has {len(data)} bytes, too few for {length} at {offset}"
        )
    tensor.raw_data = bytes(data[offset : offset + length])
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _number(text: str, label: str) -> int:
    if not text.isdecimal():
        raise MalformedModel(f"{label}: its external data has the offset or length {text!r}")
    return int(text)


def _external_bytes(folder: Path, location: str, label: str) -> memoryview:
    path = folder / location
    inside = path.resolve().is_relative_to(folder.resolve())
    if not location or Path(location).is_absolute() or not inside:
        raise UnreadableModel(f"{label}: its data file {location!r} lies outside the model's folder")
    try:
        return memoryview(path.read_bytes())
    except OSError as error:
        raise UnreadableModel(
            f"{label}: its data file {str(path)!r} cannot be read: {error.strerror}"
        ) from None
