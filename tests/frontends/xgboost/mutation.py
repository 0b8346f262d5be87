"""Damaged models from a number: the same number gives the same bytes, in every process.

A mutant is a fixture whose bytes or whose document is changed in a few places; documents are written as JSON or UBJSON.
"""

from __future__ import annotations

import copy
import json
import random
import struct
from pathlib import Path
from typing import Any

from frontends.xgboost.ubjson import TypedArray, decode

FIXTURES = Path(__file__).parent / "fixtures"
SEEDS = [
    path.read_bytes()
    for version in ("1.0.2", "1.7.6", "2.1.4", "3.1.3")
    for path in sorted((FIXTURES / version).glob("*"))
    if path.suffix in (".json", ".ubj")
]

INTERESTING = b'0123456789-.,[]{}"eEiUIlLdDSCTFZN$#\x00\x01\x7f\x80\xff'
ODD: list[Any] = [
    None,
    True,
    "",
    "x",
    "nan",
    "[1E0,2E0]",
    "2147483648",
    "-1",
    -1,
    0,
    1,
    2,
    3,
    7,
    100,
    2**24,
    2**31 - 1,
    2**31,
    2**32,
    2**63,
    -(2**63),
    10**30,
    0.5,
    -0.0,
    1e-45,
    3e38,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    [],
    [0],
    [[]],
    {},
]


def mutant(number: int) -> bytes:
    """The damaged model of that number."""
    chance = random.Random(number)
    if chance.random() < 0.4:
        return _with_damaged_bytes(chance, chance.choice(SEEDS))
    document = _document(chance.choice(SEEDS))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        _damage(chance, document)
    encoded = json.dumps(document).encode() if chance.random() < 0.6 else ubjson(chance, document)
    return encoded if chance.random() < 0.95 else _with_damaged_bytes(chance, encoded)


def _with_damaged_bytes(chance: random.Random, seed: bytes) -> bytes:
    model = bytearray(seed)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place = chance.randrange(len(model))
        match chance.randrange(6):
            case 0:
                model[place] = chance.randrange(256)
            case 1:
                model[place] = chance.choice(INTERESTING)
            case 2:
                model[place] ^= 1 << chance.randrange(8)
            case 3:
                del model[place : place + chance.randrange(1, 20)]
            case 4:
                model[place:place] = model[place : place + chance.randrange(1, 40)]
            case _:
                source = chance.randrange(len(model))
                chunk = model[source : source + chance.randrange(1, 64)]
                model[place : place + len(chunk)] = chunk
        if not model:
            break
    return bytes(model[: chance.randrange(len(model) + 1)] if chance.random() < 0.02 else model)


def _document(seed: bytes) -> dict[str, Any]:
    document = json.loads(seed) if seed[1:2] in b'"\n ' else decode(seed)
    return _plain(document)


def _plain(value: Any) -> Any:
    """With lists for typed arrays."""
    match value:
        case dict():
            return {key: _plain(member) for key, member in value.items()}
        case list():
            return [_plain(item) for item in value]
        case TypedArray():
            return value.decoded().tolist()
        case _:
            return value


def _damage(chance: random.Random, document: dict[str, Any]) -> None:
    """Change one place, mostly in a tree."""
    container: Any = document
    if chance.random() < 0.6:
        trees = [tree for tree in _trees(document) if isinstance(tree, dict | list)]
        container = chance.choice(trees or [document])
    # Down to a container at random; the deeper, the likelier it is to stay.
    while True:
        below = [value for value in _members(container) if isinstance(value, dict | list) and value]
        if not below or chance.random() < 0.15:
            break
        container = chance.choice(below)
    if isinstance(container, dict):
        _damage_object(chance, container)
    else:
        _damage_list(chance, container)


def _trees(document: dict[str, Any]) -> list[Any]:
    """The trees, where damage has left them: of dart they stand one object deeper."""
    for way in (("gradient_booster", "model"), ("gradient_booster", "gbtree", "model")):
        place: Any = document
        for key in ("learner", *way, "trees"):
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, list):
            return place
    return []


def _members(container: Any) -> list[Any]:
    return list(container.values() if isinstance(container, dict) else container)


def _damage_object(chance: random.Random, container: dict[str, Any]) -> None:
    if not container:
        container["x"] = chance.choice(ODD)
        return
    key = chance.choice(list(container))
    match chance.randrange(5):
        case 0:
            del container[key]
        case 1:
            container[key] = copy.deepcopy(chance.choice(ODD))
        case 2:
            container[key] = copy.deepcopy(container[chance.choice(list(container))])
        case 3:
            container[key] = _neighbour(chance, container[key])
        case _:
            container[key] = [container[key]]


def _damage_list(chance: random.Random, container: list[Any]) -> None:
    if not container:
        container.append(copy.deepcopy(chance.choice(ODD)))
        return
    place = chance.randrange(len(container))
    match chance.randrange(9):
        case 0:
            del container[place]
        case 1:
            container[place] = copy.deepcopy(chance.choice(ODD))
        case 2:
            container.insert(place, copy.deepcopy(chance.choice(container)))
        case 3:
            other = chance.randrange(len(container))
            container[place], container[other] = container[other], container[place]
        case 4:
            del container[place:]
        case 5:
            container.extend(copy.deepcopy(container))
        case 6:
            container[place] = copy.deepcopy(chance.choice(container))
        case 7:
            container[place] = chance.randrange(-1, len(container) + 1)
        case _:
            container[place] = _neighbour(chance, container[place])


def _neighbour(chance: random.Random, value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + chance.choice((-1, 1))
        case float():
            return -value
        case str():
            return value[:-1] if chance.random() < 0.5 else value + chance.choice("0e-]x\u0661")
        case _:
            return chance.choice(ODD)


def ubjson(chance: random.Random, value: Any) -> bytes:
    """The document in UBJSON, with typed arrays where all elements are of one kind and sometimes elsewhere."""
    match value:
        case None:
            return b"Z"
        case bool():
            return b"T" if value else b"F"
        case int() if -(2**63) <= value < 2**63:
            marker, layout = _layout(value, value)
            return marker + struct.pack(layout, value)
        case int() | float():
            return b"D" + struct.pack(">d", float(value))
        case str():
            return b"S" + _text(value)
        case list():
            return b"[" + _elements(chance, value)
        case dict():
            members = [_text(name) + ubjson(chance, member) for name, member in value.items()]
            return b"{" + b"".join(members) + b"}"
        case _:
            raise TypeError(f"not of a document: {value!r}")


def _elements(chance: random.Random, values: list[Any]) -> bytes:
    kinds = {type(value) for value in values}
    count = b"#L" + struct.pack(">q", len(values))
    if kinds == {int} and min(values) >= -(2**63) and max(values) < 2**63:
        marker, layout = _layout(min(values), max(values))
        return b"$" + marker + count + b"".join(struct.pack(layout, value) for value in values)
    if kinds == {float}:
        layout = ">d" if chance.random() < 0.2 or any(1e38 < abs(v) < float("inf") for v in values) else ">f"
        marker = b"D" if layout == ">d" else b"d"
        return b"$" + marker + count + b"".join(struct.pack(layout, value) for value in values)
    elements = b"".join(ubjson(chance, value) for value in values)
    return count + elements if chance.random() < 0.5 else elements + b"]"


def _layout(least: int, most: int) -> tuple[bytes, str]:
    for marker, layout, bits in ((b"i", ">b", 7), (b"I", ">h", 15), (b"l", ">i", 31)):
        if -(2**bits) <= least and most < 2**bits:
            return marker, layout
    return b"L", ">q"


def _text(value: str) -> bytes:
    encoded = value.encode()
    return b"L" + struct.pack(">q", len(encoded)) + encoded
