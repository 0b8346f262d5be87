"""Messages between a process and its worker: a JSON header and raw bytes, each with its length in front."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<II")

Header = dict[str, Any]
"""JSON: strings, integers and dictionaries of them."""


class ChannelClosedError(Exception):
    """The other side ended, perhaps in the middle of a message."""


def send(stream: BinaryIO, header: Header, payload: bytes = b"") -> None:
    """Write one message and flush."""
    text = json.dumps(header).encode()
    try:
        stream.write(_LENGTHS.pack(len(text), len(payload)) + text + payload)
        stream.flush()
    except (BrokenPipeError, ValueError) as error:
        raise ChannelClosedError(str(error)) from error


def receive(stream: BinaryIO) -> tuple[Header, bytes]:
    """Wait for one message."""
    text_length, payload_length = _LENGTHS.unpack(_read_exactly(stream, _LENGTHS.size))
    header = json.loads(_read_exactly(stream, text_length))
    return header, _read_exactly(stream, payload_length)


def _read_exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise ChannelClosedError("end of stream")
    return data
