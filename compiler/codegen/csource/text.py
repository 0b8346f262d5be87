"""C lexical matters: string literals, comments and numbers. Knows nothing of plans."""

from __future__ import annotations

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "?": "\\?"}


def string(text: str) -> str:
    """A string literal with the UTF-8 bytes of ``text``; what is not printable ASCII in octal, which
    cannot run into the next character as hexadecimal would."""
    return '"' + "".join(map(_character, text)) + '"'


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if " " <= character <= "~":
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode())


def comment(text: str) -> str:
    """``text`` as the inside of a comment: printable ASCII, on one line, without a comment's beginning or
    end."""
    plain = "".join(character if " " <= character <= "~" else "?" for character in text)
    return plain.replace("*/", "* /").replace("/*", "/ *")


def number(value: float) -> str:
    """A double, exactly."""
    return repr(float(value))


def array(kind: str, name: str, elements: list[str]) -> list[str]:
    """The definition of a static constant array; C knows no empty arrays, so an empty one is a null
    pointer."""
    if not elements:
        return [f"static const {kind} *const {name} = NULL;"]
    return [f"static const {kind} {name}[] = {{", *(f"    {element}," for element in elements), "};"]
