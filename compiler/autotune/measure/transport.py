"""Where the runner runs: a command prefix, before which nothing is assumed of a device.

An empty prefix is this machine, an emulator's is this machine too; ``ssh …`` and ``adb … shell`` are other machines, to
which files are sent once, under names that their content gives them. What a device must have: a shell with cat, chmod,
mkdir, mv, rm, test and wc, and the GNU C library.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

SEND_SECONDS = 600.0
ASK_SECONDS = 60.0
SSH_FOLDER = ".kiln-runner"
"""Where files lie on a device; below the home folder where there is one."""
ADB_FOLDER = "/data/local/tmp/kiln-runner"

_EMULATORS = "qemu-"


class TransportError(Exception):
    """The device did not take a file or did not run a program to its end; it may later. ``output`` is what the program
    had written by then."""

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output


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
        """Remove a file that was sent and is needed no more. Raises TransportError."""
        ...

    def forget(self) -> None:
        """The device was away: what it had may be gone."""
        ...


def transport_for(prefix: str) -> Transport:
    """The transport that a command prefix stands for. Raises ValueError for a prefix that no shell could read, and for
    one of adb that runs nothing."""
    words = tuple(shlex.split(prefix))
    match Path(words[0]).name if words else "":
        case "ssh":
            return Remote(words, SSH_FOLDER)
        case "adb":
            return Adb(words, ADB_FOLDER)
        case _:
            return Local(words)


class Local:
    """This machine, or an emulator on it."""

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        self._prefix = tuple(prefix)

    @property
    def times_mean_something(self) -> bool:
        """Whether the times of a run are those of the device, as they are not under an emulator."""
        return not any(Path(word).name.startswith(_EMULATORS) for word in self._prefix)

    def send(self, path: Path) -> str:
        """The path itself."""
        return str(path)

    def run(self, arguments: Sequence[str], timeout: float) -> str:
        """The standard output of a program. Raises TransportError."""
        return _run((*self._prefix, *arguments), timeout, shown=(*self._prefix, *arguments[:1]))

    def remove(self, name: str) -> None:
        """Files here belong to others."""

    def forget(self) -> None:
        """This machine was not away."""


class Remote:
    """A machine behind a command that takes a shell's line as its last argument, as ssh does, and hands its own input
    on."""

    def __init__(self, prefix: Sequence[str], folder: str) -> None:
        self._prefix = tuple(prefix)
        self._folder = folder
        self._there: set[str] = set()
        self._digests: dict[tuple[Path, int, int], str] = {}

    @property
    def times_mean_something(self) -> bool:
        """A device is what it is."""
        return True

    def send(self, path: Path) -> str:
        """Sent under a name made of its content, complete or not at all, unless a file of that name is there."""
        name = f"{self._folder}/{self._digest(path)}"
        if name not in self._there:
            if (
                "there"
                not in self._shell(f"test -f {shlex.quote(name)} && echo there || echo missing", ASK_SECONDS).split()
            ):
                self._upload(path, name)
            self._there.add(name)
        return name

    def run(self, arguments: Sequence[str], timeout: float) -> str:
        """The standard output of a program. Raises TransportError."""
        return self._shell(shlex.join(arguments), timeout)

    def remove(self, name: str) -> None:
        """Remove a file over there. Raises TransportError."""
        self._there.discard(name)
        self._shell(f"rm -f {shlex.quote(name)}", ASK_SECONDS)

    def forget(self) -> None:
        """Ask again whether files are there before they are used."""
        self._there.clear()

    def _digest(self, path: Path) -> str:
        """The digest of a file's content, remembered as long as the file does not change: data of tasks are large."""
        status = path.stat()
        key = (path, status.st_size, status.st_mtime_ns)
        if key not in self._digests:
            self._digests[key] = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        return self._digests[key]

    def _upload(self, path: Path, name: str) -> None:
        content, whole = path.read_bytes(), shlex.quote(name)
        part = f"{whole}.$$"
        # A connection that breaks looks like the end of the file to whoever reads it.
        line = f"mkdir -p {shlex.quote(self._folder)} && cat > {part} && {_accept(part, whole, len(content))}"
        self._check_received(self._shell(line, SEND_SECONDS, content), len(content))

    def _check_received(self, answer: str, size: int) -> None:
        if _RECEIVED not in answer.split():
            raise TransportError(f"{shlex.join(self._prefix)}: the device did not take a file of {size} bytes")

    def _shell(self, line: str, timeout: float, content: bytes = b"") -> str:
        return _run((*self._prefix, line), timeout, content, shown=self._prefix)


class Adb(Remote):
    """A machine behind ``adb … shell``. Files go through ``adb … push``: what the input of ``adb shell`` does to bytes
    depends on the versions of adb and of its daemon on the device.

    Raises ValueError for a prefix without ``shell``.
    """

    def __init__(self, prefix: Sequence[str], folder: str) -> None:
        super().__init__(prefix, folder)
        if "shell" not in prefix:
            raise ValueError(f"{shlex.join(prefix)} runs nothing on the device, {shlex.join((*prefix, 'shell'))} does")
        self._push = (*prefix[: prefix.index("shell")], "push")

    def _upload(self, path: Path, name: str) -> None:
        part, size = f"{name}.{uuid.uuid4().hex[:8]}", path.stat().st_size
        self._shell(f"mkdir -p {shlex.quote(self._folder)}", ASK_SECONDS)
        _run((*self._push, str(path), part), SEND_SECONDS, shown=self._push)
        answer = self._shell(_accept(shlex.quote(part), shlex.quote(name), size), ASK_SECONDS)
        self._check_received(answer, size)


_RECEIVED = "received"


def _accept(part: str, whole: str, size: int) -> str:
    """The shell's line that gives a file its name if it has come as a whole."""
    return f"test $(wc -c < {part}) = {size} && chmod 755 {part} && mv {part} {whole} && echo {_RECEIVED}"


def _run(command: Sequence[str], timeout: float, content: bytes = b"", *, shown: Sequence[str]) -> str:
    """What a command prints; messages have the words ``shown`` of it.

    In a session of its own: an interrupt of this program shall not end what the device is doing, and what does not
    end in time is ended with all its children, which would hold its output open."""
    name, pipe = shlex.join(shown), subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except OSError as error:
        raise TransportError(f"{name}: {error.strerror}") from error
    try:
        output, messages = process.communicate(content, timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        raise TransportError(f"{name}: no answer after {timeout:g} s", _text(output)) from None
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        said = _text(messages).strip().splitlines()
        reason = f"{name}: exit status {process.returncode}: {said[-1] if said else 'it printed nothing'}"
        raise TransportError(reason, _text(output))
    return _text(output)


def _text(output: bytes) -> str:
    return output.decode(errors="replace")
