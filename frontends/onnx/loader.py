"""From what the user gives (a path, bytes, a message) to a ModelProto whose data is complete, or one clear error.

Owns files: parsing, external data, versions. Does not look at what the nodes mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, defs

from frontends.errors import MalformedModel, UnreadableModel
from frontends.onnx.legacy import OLDEST_OPSET, upgraded
from frontends.onnx.structure import normal_domain

GivenModel = str | os.PathLike[str] | bytes | ModelProto
"""A model as the user gave it: the path of a file, its bytes, or the object."""


def read_model(source: GivenModel) -> tuple[ModelProto, str]:
    """The model and what to call it in messages. ``source``'s own message is never changed.

    Raises:
        UnreadableModel: no such file, not ONNX, truncated, external data missing or outside the model's folder.
        MalformedModel: no graph, no outputs, or an operator set from the future.
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


def opsets(imports: Iterable[OperatorSetIdProto]) -> dict[str, int]:
    """Domain -> version of an ``opset_import`` list; the default domain is spelled ``""``."""
    return {normal_domain(entry.domain): entry.version for entry in imports}


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
    if not _has_readable_texts(model):
        raise UnreadableModel(f"{what}: a name in it is no text; the file is damaged")
    return model


def _has_readable_texts(model: ModelProto) -> bool:
    """Whether all names are UTF-8: protobuf hands out others as bytes, or fails when they are read."""
    try:
        nodes = (node for function in model.functions for node in function.node)
        return all(isinstance(text, str) for text in (*_texts(model.graph), *_node_texts(nodes)))
    except UnicodeDecodeError:
        return False


def _texts(graph: GraphProto) -> Iterator[object]:
    for named in (*graph.input, *graph.output, *graph.initializer):
        yield named.name
    yield from _node_texts(graph.node)


def _node_texts(nodes: Iterable[NodeProto]) -> Iterator[object]:
    for node in nodes:
        yield from (node.op_type, node.domain, node.name, node.overload, *node.input, *node.output)
        for attribute in node.attribute:
            yield from (attribute.name, attribute.ref_attr_name)
            for nested in (attribute.g, *attribute.graphs):
                yield from _texts(nested)


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
                f"{name}: operator set {label} {version} is newer than the newest that Kiln knows, {newest[domain]}"
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
    path = _external_path(folder, location, label)
    offset = _number(entries.get("offset", "0"), label)
    try:
        size = path.stat().st_size
        length = _number(entries.get("length", str(max(size - offset, 0))), label)
        if offset + length > size:
            raise UnreadableModel(f"{label}: the file {location!r} has {size} bytes, too few for {length} at {offset}")
        with path.open("rb") as file:
            file.seek(offset)
            tensor.raw_data = file.read(length)
    except OSError as error:
        raise UnreadableModel(f"{label}: its data file {str(path)!r} cannot be read: {error.strerror}") from None
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _number(text: str, label: str) -> int:
    if not text.isdecimal():
        raise MalformedModel(f"{label}: its external data has the offset or length {text!r}")
    return int(text)


def _external_path(folder: Path, location: str, label: str) -> Path:
    path = folder / location
    inside = path.resolve().is_relative_to(folder.resolve())
    if not location or Path(location).is_absolute() or not inside:
        raise UnreadableModel(f"{label}: its data file {location!r} lies outside the model's folder")
    return path
