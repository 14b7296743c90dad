"""What surrounds a run: closed streams, missing folders, full or closed outputs, signals at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from random import Random

import psutil
import pytest

from tests.support.cli import command, environment, gossip, scan
from tests.support.repos import plain_token
from tests.support.tokens import github

COUNT = 40


@pytest.fixture
def tree(tmp_path: Path) -> str:
    """A folder with one finding in each of many files that take about a second to scan together."""
    folder = tmp_path / "tree"
    folder.mkdir()
    words = [b"%x" % random.Random(5).getrandbits(60) for _ in range(4000)]
    for number in range(COUNT):
        filler = b" ".join(words[number:] + words[:number])
        (folder / f"{number}.txt").write_bytes(filler + b" " + plain_token(number) + b"\n" + filler * 8)
    return str(folder)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_closed_standard_streams(jobs: str, tree: str, rules: str, tmp_path: Path) -> None:
    """A program that is started without stdin or stderr still scans, and writes into no other file by mistake."""
    arguments = ["scan", tree, "--rules", rules, "-j", jobs, "--format", "jsonl"]
    for closing in ("<&-", "2>&-", "<&- 2>&-"):
        shell = ["sh", "-c", f'exec "$@" {closing}', "sh", *command(*arguments)]
        done = subprocess.run(shell, capture_output=True, env=environment(), check=False, timeout=60)
        assert (done.returncode, done.stdout.count(b'"type":"finding"')) == (1, COUNT), (closing, done.stderr)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_closed_standard_output(jobs: str, tree: str, rules: str, tmp_path: Path) -> None:
    """Without stdout: a file as the only output works, and findings for stdout are an error that says so."""
    close = ["sh", "-c", 'exec "$@" >&-', "sh"]
    out = tmp_path / "out.json"
    arguments = ["scan", "-q", tree, "--rules", rules, "-j", jobs]
    to_file = [*close, *command(*arguments, "-o", str(out))]
    done = subprocess.run(to_file, stderr=subprocess.PIPE, env=environment(), check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"")
    assert out.read_bytes().count(b'"finding_id"') == COUNT
    to_nothing = [*close, *command(*arguments, "--format", "jsonl")]
    done = subprocess.run(to_nothing, stderr=subprocess.PIPE, env=environment(), check=False, timeout=60)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"standard output: it is closed" in done.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_missing_folders(jobs: str, tree: str, rules: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No home, no temporary folder that exists: neither is needed."""
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.delenv("GOSSIP_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME")
    ran = scan(tree, "--rules", rules, "-j", jobs)
    assert (ran.code, len(ran.findings), ran.err) == (1, COUNT, b"")


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("fmt", ["text", "jsonl", "json", "sarif", "csv", "junit"])
def test_closed_pipe_makes_no_noise(fmt: str, jobs: str, tree: str, rules: str) -> None:
    """In every format, a reader that is gone before the first byte is no error."""
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        command("scan", "-q", tree, "--rules", rules, "-j", jobs, "--format", fmt),
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as child:
        os.close(writing)
        _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, b"")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_closed_pipe_does_not_cost_the_other_outputs(jobs: str, tree: str, rules: str, tmp_path: Path) -> None:
    """`gossip scan -o report.sarif --format jsonl | head -1` still writes the whole report."""
    files = [tmp_path / "out.sarif", tmp_path / "out.jsonl"]
    outputs = [argument for file in files for argument in ("-o", str(file))]
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        command("scan", "-q", tree, "--rules", rules, "-j", jobs, "--format", "jsonl", *outputs),
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as child:
        os.close(writing)
        _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (1, b"")
    assert files[0].read_bytes().count(b'"ruleId"') == COUNT
    assert files[1].read_bytes().count(b'"type":"finding"') == COUNT
    assert b'"type":"summary"' in files[1].read_bytes()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_full_output_does_not_cost_the_other_outputs(jobs: str, tree: str, rules: str, tmp_path: Path) -> None:
    """The output that fails is named, with exit code 4, and nothing but whole files lies in the folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    outputs = [argument for name in ("o.sarif", "o.jsonl", "o.txt") for argument in ("-o", str(folder / name))]
    with Path("/dev/full").open("wb") as full:
        arguments = command("scan", "-q", tree, "--rules", rules, "-j", jobs, "--format", "jsonl", *outputs)
        done = subprocess.run(
            arguments, stdout=full, stderr=subprocess.PIPE, env=environment(), check=False, timeout=60
        )
    assert (done.returncode, done.stderr.count(b"\n")) == (4, 1)
    assert b"standard output: no space left" in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["o.jsonl", "o.sarif", "o.txt"]
    assert (folder / "o.sarif").read_bytes().count(b'"ruleId"') == COUNT
    assert b'"type":"summary"' in (folder / "o.jsonl").read_bytes()
    assert (folder / "o.txt").read_bytes().count(b"token") >= COUNT


def test_failed_run_leaves_no_temporary_file(tree: str, rules: str, tmp_path: Path) -> None:
    """When a worker dies, the report's folder is as it was before, unless the report was complete by then."""
    folder = tmp_path / "out"
    folder.mkdir()
    child = subprocess.Popen(
        command("scan", "-q", tree, "--rules", rules, "-j", "3", "-o", str(folder / "o.txt")),
        stderr=subprocess.PIPE,
        env=environment(),
    )
    while child.poll() is None and not list(folder.glob(".gossip-*")):
        time.sleep(0.002)
    for worker in workers(child):
        worker.kill()
    _, err = child.communicate(timeout=60)
    left = [path.name for path in folder.iterdir()]
    assert (child.returncode, left) in [(4, []), (1, ["o.txt"])], err


@pytest.mark.parametrize("where", ["closed pipe", "/dev/full"])
@pytest.mark.parametrize("arguments", [("scan", "{tree}", "--rules", "{rules}"), ("scan", "no-such-path")])
def test_words_that_nobody_can_read_change_no_result(
    where: str, arguments: tuple[str, ...], tree: str, rules: str
) -> None:
    """A summary or an error that stderr does not take leaves the exit code and the findings as they are."""
    if where == "closed pipe":
        reading, stderr = os.pipe()
        os.close(reading)
    else:
        stderr = os.open(where, os.O_WRONLY)
    line = command(*(argument.format(tree=tree, rules=rules) for argument in arguments))
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=stderr, env=environment(), check=False, timeout=60)
    os.close(stderr)
    found = COUNT if rules in line else 0
    assert (done.returncode, done.stdout.count(b'"type":"finding"')) == (1 if found else 2, found)


@pytest.mark.parametrize("arguments", [("rules", "list"), ("rules", "check"), ("--help",), ("scan", "--help")])
def test_standard_output_of_the_other_commands(arguments: tuple[str, ...]) -> None:
    """A reader that leaves is no error; a full disk is one line and exit code 4."""
    reading, writing = os.pipe()
    os.close(reading)
    full = os.open("/dev/full", os.O_WRONLY)
    ended = []
    for stdout in (writing, full):
        done = subprocess.run(
            command(*arguments), stdout=stdout, stderr=subprocess.PIPE, env=environment(), check=False, timeout=60
        )
        os.close(stdout)
        ended.append((done.returncode, done.stderr.count(b"\n")))
    assert ended == [(0, 0), (4, 1)]
    assert b"no space left" in done.stderr.lower()


def test_two_scans_at_once_with_a_cold_cache(tree: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both compile, both store, neither sees half a file; a scan by the stored program finds the same."""
    small = tmp_path / "small"
    small.mkdir()
    # In two parts: no scan of this tree shall find it.
    (small / "a.txt").write_text("token = " + github(Random(7)).decode() + "\n")
    monkeypatch.setenv("GOSSIP_CACHE_DIR", str(tmp_path / "cold"))
    arguments = command("scan", "-q", "--format", "jsonl", "-j", "2", str(small))
    both = [
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) for _ in range(2)
    ]
    ended = [(child.communicate(timeout=100), child.returncode) for child in both]
    assert [code for _, code in ended] == [1, 1], ended
    warm = scan(str(small)).findings
    for (out, _), _ in ended:
        assert [json.loads(line) for line in out.splitlines() if b'"type":"finding"' in line] == warm
    assert len(list((tmp_path / "cold").iterdir())) == 1


def start(tree: str, rules: str, jobs: str) -> subprocess.Popen[bytes]:
    """A scan in the background."""
    arguments = command("scan", "-q", "--format", "jsonl", tree, "--rules", rules, "-j", jobs)
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())


def running(process: psutil.Process) -> bool:
    """Whether a process is there. A zombie is not: in a container nobody may collect orphans."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def still_there(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that do not end within two seconds."""
    deadline = time.monotonic() + 2
    while (left := [process for process in processes if running(process)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def workers(child: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The scan's processes besides itself; none if it has ended."""
    try:
        return psutil.Process(child.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def handles_signals(pid: int) -> bool:
    """Whether the command has put its handlers in place: that of SIGTERM, which Python leaves alone, comes last."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_at_any_moment(number: signal.Signals, jobs: str, tree: str, rules: str) -> None:
    """From start to end of a run, a signal never ends in 1, which says `complete, with findings`, unless it was."""
    begun = time.monotonic()
    start(tree, rules, jobs).communicate(timeout=60)
    whole = time.monotonic() - begun
    for step in range(8):
        child = start(tree, rules, jobs)
        # Before Python itself is up, its own handlers decide: that is not ours.
        while child.poll() is None and not handles_signals(child.pid):
            time.sleep(0.002)
        time.sleep(step * whole / 8)
        family = workers(child)
        child.send_signal(number)
        out, err = child.communicate(timeout=20)
        complete = b'"status":"complete"' in out
        assert child.returncode in {128 + number, -number} or (complete and child.returncode == 1), (step, err)
        assert b"Aborted" not in err
        assert b"Traceback" not in err
        assert not still_there(family)


@pytest.mark.parametrize("victim", ["worker", "parent"])
def test_kill_at_any_moment(victim: str, tree: str, rules: str) -> None:
    """Kill -9 of some process at some moment: nobody stays, and a dead worker is one line and exit code 4."""
    draw = random.Random(3)
    for step in range(8):
        child = start(tree, rules, "3")
        while child.poll() is None and len(workers(child)) < 1 + step % 3:
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.1))
        family = workers(child)
        target = draw.choice(family).pid if family and victim == "worker" else child.pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(target, signal.SIGKILL)
        out, err = child.communicate(timeout=20)
        complete = b'"status":"complete"' in out
        if victim == "worker" and family and not complete:
            assert child.returncode == 4, err
            assert err.count(b"\n") == 1
            assert b"SIGKILL" in err
        assert not still_there(family)


def test_interrupting_twice_leaves_nothing(tree: str, rules: str, tmp_path: Path) -> None:
    """An impatient second Ctrl-C: no process and no temporary file stays."""
    out = tmp_path / "out" / "report.json"
    out.parent.mkdir()
    child = subprocess.Popen(
        command("scan", "-q", tree, "--rules", rules, "-j", "2", "-o", str(out)),
        stderr=subprocess.PIPE,
        env=environment(),
    )
    while not (family := workers(child)) and child.poll() is None:
        time.sleep(0.01)
    for _ in range(2):
        child.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, err = child.communicate(timeout=20)
    assert child.returncode in {130, -signal.SIGINT}, err
    assert b"Traceback" not in err
    assert not still_there(family)
    assert {path.name for path in out.parent.iterdir()} <= {"report.json"}


def test_help_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """--help and --version work without any folder."""
    for name in ("HOME", "TMPDIR", "GOSSIP_CACHE_DIR"):
        monkeypatch.setenv(name, "/nonexistent")
    assert gossip("--help").code == gossip("--version").code == gossip("scan", "--help").code == 0
