"""Devices behind commands: ssh to a server of our own, and ones that vanish, for a while or for good."""

from __future__ import annotations

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

from compiler.autotune.measure.device import KernelDevice
from compiler.autotune.measure.interface import DeviceLostError
from compiler.autotune.measure.plan import Limits
from compiler.autotune.measure.transport import Local, Remote, TransportError, transport_for
from compiler.autotune.record import Status
from compiler.targets import resolve
from tests.autotune.measure.faulty import TASK, built

HOST = resolve("host")
LIMITS = Limits(turns=2, turn_seconds=1e-5)
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[str]:
    """A prefix that reaches a server which this test started, with keys made for it."""
    if not Path(SSHD).exists() or shutil.which("ssh") is None:
        pytest.skip("no OpenSSH server and client: apt install openssh-server openssh-client")
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / key)], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = tmp_path / "sshd_config"
    configuration.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/user.pub\n"
        "StrictModes no\nPasswordAuthentication no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(configuration)], stderr=subprocess.PIPE)
    options = f"-o StrictHostKeyChecking=no -o UserKnownHostsFile={tmp_path}/known -o BatchMode=yes -o LogLevel=ERROR"
    prefix = f"ssh -F none -p {port} -i {tmp_path}/user {options} {getpass.getuser()}@127.0.0.1"
    try:
        for _ in range(100):
            if server.poll() is not None:
                assert server.stderr is not None
                pytest.fail(f"sshd ended: {server.stderr.read().decode()}")
            if subprocess.run([*shlex.split(prefix), "true"], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        yield prefix
    finally:
        server.terminate()
        server.wait()


def test_kernels_run_on_a_machine_behind_ssh(ssh: str, tmp_path: Path) -> None:
    transport = transport_for(ssh)
    assert isinstance(transport, Remote)
    device = KernelDevice(HOST, transport, tmp_path / "cache", LIMITS)
    for _ in range(2):
        candidates = [built(name, HOST, tmp_path) for name in ("right", "segfault", "wrong")]
        results = device.measure(TASK, candidates, None)
        assert [result.status for result in results] == [Status.OK, Status.CRASHED, Status.WRONG]


def test_a_file_is_sent_once(tmp_path: Path) -> None:
    transport, log = fake_ssh(tmp_path)
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 100)
    name = transport.send(file)
    assert (tmp_path / "home" / name).read_bytes() == file.read_bytes()
    assert transport.send(file) == name
    again, _ = fake_ssh(tmp_path)
    assert again.send(file) == name
    assert log.read_text().count("cat >") == 1


def fake_ssh(tmp_path: Path, failures: str = "0") -> tuple[Remote, Path]:
    """A prefix that runs commands here, in a home folder of its own, and fails while the file ``failures`` says so."""
    script, log, left = tmp_path / "ssh", tmp_path / "log", tmp_path / "failures"
    (tmp_path / "home").mkdir(exist_ok=True)
    left.write_text(failures)
    script.write_text(
        f"""#!/bin/sh
n=$(cat {left})
if [ "$n" != 0 ]; then
  [ "$n" = forever ] || echo $((n - 1)) > {left}
  echo "connection lost" >&2
  exit 255
fi
echo "$1" >> {log}
cd {tmp_path}/home && exec sh -c "$1"
"""
    )
    script.chmod(0o755)
    transport = transport_for(str(script))
    assert isinstance(transport, Remote)
    return transport, log


def test_a_device_that_comes_back_loses_nothing(tmp_path: Path) -> None:
    transport, _ = fake_ssh(tmp_path, failures="3")
    pauses: list[float] = []
    device = KernelDevice(HOST, transport, tmp_path / "cache", LIMITS, sleep=pauses.append)
    (result,) = device.measure(TASK, [built("right", HOST, tmp_path)], None)
    assert result.status is Status.OK
    assert pauses == [1.0, 2.0, 4.0]


def test_a_device_that_is_gone_is_no_result(tmp_path: Path) -> None:
    transport, _ = fake_ssh(tmp_path, failures="forever")
    device = KernelDevice(HOST, transport, tmp_path / "cache", LIMITS, patience_seconds=0.0)
    with pytest.raises(DeviceLostError, match="connection lost"):
        device.measure(TASK, [built("right", HOST, tmp_path)], None)


def test_prefixes() -> None:
    assert isinstance(transport_for(""), Local)
    assert transport_for("").times_mean_something
    assert not transport_for("qemu-aarch64 -L /usr/aarch64-linux-gnu").times_mean_something
    assert isinstance(transport_for("adb -s 123 shell"), Remote)
    with pytest.raises(ValueError, match="quotation"):
        transport_for("ssh 'pi@host")


def test_a_program_that_fails_is_said_to(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match="exit status 3: too bad"):
        Local().run(["sh", "-c", "echo too bad >&2; exit 3"], 10)
    with pytest.raises(TransportError, match="no answer after"):
        Local().run(["sleep", "10"], 0.1)
    with pytest.raises(TransportError, match="No such file"):
        Local().run([str(tmp_path / "missing")], 10)
