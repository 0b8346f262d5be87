"""``--runner "adb … shell"``: a program of that name takes files and lines; the device behind it is a folder."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from compiler.autotune import Database
from compiler.autotune.record import Status, TimeSource
from compiler.tune import main

FOLDER = "/data/local/tmp"

ADB = """#!/bin/sh
[ "$1 $2" = "-s board-1" ] || {{ echo "error: device '$2' not found" >&2; exit 1; }}
shift 2
cd {folder} || exit 1
if [ -f away ]; then
    rm away
    echo offline >> log
    echo "adb: device offline" >&2
    exit 1
fi
case $1 in
push)
    cat "$2" > "{device}$3" || exit 1
    echo "push $3" >> log
    echo "$2: 1 file pushed, 0 skipped." ;;
shell)
    line=$(printf %s "$2" | sed "s#{root}#{device}{root}#g")
    case $2 in
    "rm -f "*) echo "rm ${{2#rm -f }}" >> log ;;
    {root}/kiln-runner/*\\ *\\ *\\ *)
        echo run >> log
        if [ $(grep -cx run log) = 4 ]; then
            touch away
            sh -c "$line" | head -n 2
            exit 1
        fi ;;
    esac
    exec sh -c "$line" ;;
*)
    echo "adb: unknown command $1" >&2
    exit 1 ;;
esac
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ``adb`` on the path writes down: a file that it took or removed, a run of candidates, that the device was
    away. It goes away in the middle of the fourth run."""
    folder = tmp_path / "adb"
    (folder / "device" / FOLDER.lstrip("/")).mkdir(parents=True)
    program = folder / "adb"
    quoted = shlex.quote(str(folder))
    program.write_text(ADB.format(folder=quoted, device=folder / "device", root=FOLDER))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder / "log"


def test_a_device_behind_adb_that_goes_away_once(kiln_file: Path, log: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    arguments = ["--runner", "adb -s board-1 shell", "--search", "random", "--trials", "8", "--db", str(path)]
    assert main([str(kiln_file), *arguments]) == 0
    lines = log.read_text().splitlines()
    away = lines.index("offline")
    assert lines[:away].count("run") == 4 and lines[away:].count("run") >= 2
    there: set[str] = set()
    for line in lines:
        match line.split():
            case ["push", part]:
                name = part.rpartition(".")[0]
                assert name not in there, "what is there is not sent again"
                there.add(name)
            case ["rm", name]:
                there.remove(name)
    assert len(there) >= 2 and len(there) < sum(line.startswith("push ") for line in lines)
    with Database.open(path, read_only=True) as database:
        records = list(database.records())
    assert len(records) >= 8
    assert {(record.status, record.source) for record in records} == {(Status.OK, TimeSource.MEASURED)}


def test_the_name_of_a_device_is_part_of_the_prefix(
    kiln_file: Path, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--trials", "1", "--db", str(tmp_path / "t.db")]
    assert main([str(kiln_file), "--runner", "adb -s board-2 shell", *arguments]) == 1
    said = capsys.readouterr().err
    assert "adb -s board-2 shell: exit status 1: error: device 'board-2' not found" in said
