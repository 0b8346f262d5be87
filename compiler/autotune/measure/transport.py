"""Where the runner runs: a command prefix, before which nothing is assumed of a device.

An empty prefix is this machine, an emulator's is this machine too; ``ssh …`` and ``adb …`` are other machines, to which
files are sent once, under names that their content gives them.
"""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

SEND_SECONDS = 600.0
_FOLDERS = {"ssh": ".kiln-runner", "adb": "/data/local/tmp/kiln-runner"}
"""Where files lie on a device; relative to the home folder where there is one."""

_EMULATORS = "qemu-"


class TransportError(Exception):
    """The device did not take a file or did not run a program to its end; it may later."""


class Transport(Protocol):
    """How programs run somewhere."""

    @property
    def times_mean_something(self) -> bool:
        """Whether what is timed there tells how fast the target is."""
        ...

    def send(self, path: Path) -> str:
        """The name of a file over there, which is sent unless it is there. Raises TransportError."""
        ...

    def run(self, arguments: Sequence[str], timeout: float) -> str:
        """The standard output of a program. Raises TransportError."""
        ...

    def remove(self, name: str) -> None:
        """Forget a file that was sent; one that is needed no more."""
        ...


def transport_for(prefix: str) -> Transport:
    """The transport that a command prefix stands for. Raises ValueError for a prefix that no shell could read."""
    words = tuple(shlex.split(prefix))
    kind = Path(words[0]).name if words else ""
    return Remote(words, _FOLDERS[kind]) if kind in _FOLDERS else Local(words)


class Local:
    """This machine, or an emulator on it."""

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        self._prefix = tuple(prefix)

    @property
    def times_mean_something(self) -> bool:
        """Not under an emulator."""
        return not any(Path(word).name.startswith(_EMULATORS) for word in self._prefix)

    def send(self, path: Path) -> str:
        """The path itself."""
        return str(path)

    def run(self, arguments: Sequence[str], timeout: float) -> str:
        """The standard output of a program. Raises TransportError."""
        return _run((*self._prefix, *arguments), timeout)

    def remove(self, name: str) -> None:
        """Files here belong to others."""


class Remote:
    """A machine behind a command that takes a shell's line as its last argument, as ssh and ``adb shell`` do."""

    def __init__(self, prefix: Sequence[str], folder: str) -> None:
        self._prefix = tuple(prefix)
        self._folder = folder
        self._sent: dict[str, str] = {}

    @property
    def times_mean_something(self) -> bool:
        """A device is what it is."""
        return True

    def send(self, path: Path) -> str:
        """Sent under a name made of its content, complete or not at all, unless a file of that name is there."""
        content = path.read_bytes()
        name = f"{self._folder}/{hashlib.sha256(content).hexdigest()[:32]}"
        if name not in self._sent:
            if self._shell(f"test -f {name} && echo there || echo missing", timeout=60).strip() != "there":
                self._upload(content, name)
            self._sent[name] = name
        return name

    def run(self, arguments: Sequence[str], timeout: float) -> str:
        """The standard output of a program. Raises TransportError."""
        return self._shell(shlex.join(arguments), timeout)

    def remove(self, name: str) -> None:
        """Remove a file over there. Raises TransportError."""
        self._sent.pop(name, None)
        self._shell(f"rm -f {name}", timeout=60)

    def _upload(self, content: bytes, name: str) -> None:
        part = f"{name}.part"
        line = f"mkdir -p {self._folder} && cat > {part} && chmod 755 {part} && mv {part} {name} && echo done"
        if self._shell(line, SEND_SECONDS, content).strip() != "done":
            raise TransportError(f"{shlex.join(self._prefix)}: the device did not take a file of {len(content)} bytes")

    def _shell(self, line: str, timeout: float, content: bytes = b"") -> str:
        return _run((*self._prefix, line), timeout, content)


def _run(command: Sequence[str], timeout: float, content: bytes = b"") -> str:
    shown = shlex.join(command[:4])
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise TransportError(f"{shown}: no answer after {timeout:g} s") from None
    except OSError as error:
        raise TransportError(f"{shown}: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise TransportError(f"{shown}: exit status {done.returncode}: {said[-1] if said else 'it printed nothing'}")
    return done.stdout.decode(errors="replace")
