"""Other machines: files are sent once and whole, a device may go away at any time, ssh as users have it."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.autotune.measure.device import KernelDevice, Patience, RunnerRefusedError
from compiler.autotune.measure.interface import DeviceLostError
from compiler.autotune.measure.protocol import Limits
from compiler.autotune.measure.transport import Local, Remote, TransportError, transport_for
from compiler.autotune.record import Status
from tests.autotune.measure.kernels import HOST, RIGHT, sum_task, written_in_c

LIMITS = Limits(seconds=5.0, turns=2, turn_seconds=1e-5)
PATIENCE = Patience(seconds=30.0, pause_seconds=0.01, longest_pause_seconds=0.05)
CANDIDATES = [written_in_c(f"{RIGHT} (void){number};") for number in range(4)]


class Board:
    """A device behind a script that takes a shell's line, as ssh does, and writes down every line."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.log = folder / "log"
        self._trouble = folder / "trouble"
        self.home.mkdir()
        self._script = folder / "board"
        self._script.write_text(f"""#!/bin/sh
cd {shlex.quote(str(self.home))} || exit 255
echo "$1" >> {shlex.quote(str(self.log))}
[ -f {shlex.quote(str(self._trouble))} ] && . {shlex.quote(str(self._trouble))}
exec sh -c "$1"
""")
        self._script.chmod(0o755)

    @property
    def transport(self) -> Remote:
        """A fresh one, which knows of no file."""
        return Remote([str(self._script)], "files")

    @property
    def trouble(self) -> str:
        """Shell text that is run before each line; ``$1`` is the line."""
        return self._trouble.read_text()

    @trouble.setter
    def trouble(self, text: str) -> None:
        self._trouble.write_text(text)

    def times(self, count: int, what: str) -> str:
        """Trouble for the first so many lines."""
        marks = self.home / "marks"
        return f"if [ $(cat {marks} 2>/dev/null | wc -l) -lt {count} ]; then echo mark >> {marks}; {what}; fi"

    def device(self, cache: Path, patience: Patience = PATIENCE) -> KernelDevice:
        """The device on this board."""
        return KernelDevice(HOST, self.transport, cache, LIMITS, patience)

    @property
    def lines(self) -> list[str]:
        """Every line that was to be run so far."""
        return self.log.read_text().splitlines()


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def statuses(device: KernelDevice) -> list[Status]:
    return [result.status for result in device.measure(sum_task(), CANDIDATES, None)]


ALL_RIGHT = [Status.OK] * len(CANDIDATES)


def test_prefixes() -> None:
    assert isinstance(transport_for(""), Local)
    assert transport_for("").times_mean_something
    assert isinstance(transport_for("taskset -c 1"), Local)
    assert not transport_for("/usr/bin/qemu-aarch64 -L /usr/aarch64-linux-gnu").times_mean_something
    for prefix in ("ssh -p 2222 user@host", "adb -s 0123 shell"):
        assert isinstance(transport_for(prefix), Remote)
        assert transport_for(prefix).times_mean_something
    with pytest.raises(ValueError, match="quotation"):
        transport_for("ssh 'host")


def test_files_are_sent_once(board: Board, cache: Path) -> None:
    device = board.device(cache)
    assert statuses(device) == ALL_RIGHT
    sent = [line for line in board.lines if "cat >" in line]
    assert len(sent) == 4  # the runner, kernels, data and the plan
    assert statuses(device) == ALL_RIGHT
    assert len([line for line in board.lines if "cat >" in line]) == 4 + 2
    assert statuses(board.device(cache)) == ALL_RIGHT  # another session finds what is there
    assert len([line for line in board.lines if "cat >" in line]) == 4 + 2 + 2
    assert len(list((board.home / "files").iterdir())) == 2  # the runner and the data stay


def test_half_a_file_is_none(board: Board, tmp_path: Path) -> None:
    """A connection that breaks looks like the end of the file on the other side."""
    path = tmp_path / "data"
    path.write_bytes(bytes(range(256)) * 1000)
    transport = board.transport
    board.trouble = 'case "$1" in *"cat >"*) head -c 1000 | sh -c "$1"; exit 0;; esac'
    with pytest.raises(TransportError, match="did not take a file of 256000 bytes"):
        transport.send(path)
    board.trouble = ""
    name = transport.send(path)
    assert (board.home / name).read_bytes() == path.read_bytes()


def test_a_board_that_comes_back(board: Board, cache: Path) -> None:
    board.trouble = board.times(4, 'echo "no route to host" >&2; exit 255')
    assert statuses(board.device(cache)) == ALL_RIGHT


def test_a_board_that_loses_its_files_while_away(board: Board, cache: Path) -> None:
    device = board.device(cache)
    assert statuses(device) == ALL_RIGHT
    shutil.rmtree(board.home / "files")
    assert statuses(device) == ALL_RIGHT


def test_a_board_that_goes_away_while_kernels_run(board: Board, cache: Path) -> None:
    """What it had said before counts, and only the rest is run again."""
    cut = board.times(2, '"$@" | head -n 3; exit 255')
    board.trouble = f"run() {{ case $1 in files/*) {cut};; esac; }}; run $1"
    assert statuses(board.device(cache)) == ALL_RIGHT
    plans = [line for line in board.lines if line.count("files/") == 4]
    assert len(plans) == 3


def test_a_board_that_does_not_come_back(board: Board, cache: Path) -> None:
    board.trouble = 'echo "no route to host" >&2; exit 255'
    device = board.device(cache, Patience(seconds=0.3, pause_seconds=0.01))
    with pytest.raises(DeviceLostError, match="exit status 255: no route to host"):
        device.measure(sum_task(), CANDIDATES, None)
    board.trouble = ""
    assert statuses(device) == ALL_RIGHT


def test_a_candidate_that_takes_its_board_along_is_found(board: Board, cache: Path) -> None:
    """Though the board takes so long to come back that it counts as lost each time."""
    killer = written_in_c("kill(getppid(), 9); sleep(5);", before="#include <signal.h>")
    device = board.device(cache, Patience(seconds=0.0))
    for _ in range(3):
        with pytest.raises(DeviceLostError):
            device.measure(sum_task(), [killer, *CANDIDATES], None)
    results = device.measure(sum_task(), [killer, *CANDIDATES], None)
    assert [result.status for result in results] == [Status.CRASHED, *ALL_RIGHT]


def test_what_does_not_end_in_time_is_ended_with_its_children() -> None:
    """Or else its output, which they hold open, would never end."""
    with pytest.raises(TransportError, match=r"no answer after 0.5 s") as caught:
        Local().run(["sh", "-c", "echo begin 0; sleep 1000 & sleep 1000"], timeout=0.5)
    assert caught.value.output == "begin 0\n"


def test_a_prefix_that_is_no_program(cache: Path) -> None:
    device = KernelDevice(HOST, Remote(["/no/such/ssh"], "files"), cache, LIMITS, Patience(0.1, 0.01))
    with pytest.raises(DeviceLostError, match="No such file"):
        device.measure(sum_task(), CANDIDATES, None)


def test_a_board_that_cannot_load_kernels_is_not_asked_for_ever(board: Board, cache: Path) -> None:
    """Such as one with another instruction set."""
    board.trouble = "run() { case $1 in files/*) echo bad > $2;; esac; }; run $1"
    with pytest.raises(RunnerRefusedError, match=r"too short|invalid ELF"):
        board.device(cache).measure(sum_task(), CANDIDATES, None)


def test_greetings_of_a_shell_are_no_answer(board: Board, cache: Path) -> None:
    board.trouble = 'echo "Welcome to the board"; echo "kernel of the day: 6.1"'
    assert statuses(board.device(cache)) == ALL_RIGHT


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[str]:
    """The prefix for a server on this machine that takes a key made for it; ``HOME`` there is that of the user."""
    server = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    tools = [shutil.which(name) for name in ("ssh", "ssh-keygen")]
    if server is None or None in tools:
        pytest.skip("openssh-server or openssh-client is not installed")
    for name in ("host", "user"):
        key = tmp_path / f"{name}_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=60)
    (tmp_path / "authorized").write_text((tmp_path / "user_key.pub").read_text())
    (tmp_path / "authorized").chmod(0o600)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "sshd_config"
    config.write_text(f"""
Port {port}
ListenAddress 127.0.0.1
HostKey {tmp_path}/host_key
AuthorizedKeysFile {tmp_path}/authorized
PidFile {tmp_path}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
""")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where a server of root's locks its children up
    process = subprocess.Popen([server, "-D", "-e", "-f", config], stderr=(tmp_path / "sshd.log").open("wb"))
    try:
        _wait_for(port, process, tmp_path / "sshd.log")
        options = f"-p {port} -i {tmp_path}/user_key -o BatchMode=yes -o IdentitiesOnly=yes"
        unknown = f"-o StrictHostKeyChecking=no -o UserKnownHostsFile={tmp_path}/known -o LogLevel=ERROR"
        yield f"ssh -F none {options} {unknown} {getpass.getuser()}@127.0.0.1"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            pytest.skip(f"sshd does not run here: {log.read_text().strip()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"sshd does not listen: {log.read_text()}")


def test_ssh(ssh: str, cache: Path, tmp_path: Path) -> None:
    words = shlex.split(ssh)
    transport = Remote(words, str(tmp_path / "over there"))
    assert isinstance(transport_for(ssh), Remote)
    device = KernelDevice(HOST, transport, cache, LIMITS, PATIENCE)
    crashing = written_in_c("*(volatile int *)0 = 1;")
    results = device.measure(sum_task(), [*CANDIDATES, crashing], None)
    assert [result.status for result in results] == [*ALL_RIGHT, Status.CRASHED]
    assert all(result.seconds for result in results[:-1])
