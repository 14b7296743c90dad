"""Scans of repositories on a server: by URL, with and without a state, through every trouble."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.making import all_files, ended, run, start, tables
from tests.support.cli import ROOT, Ran, command, environment, gossip, scan
from tests.support.gitserver import GitServer, Trouble
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import plain_token

MAIN = "refs/heads/main"
USER, WORD = "ann", "spoken" + "-word-" + "9312"
NOTE = "gossip: fetched into a temporary folder; with --state DIR the next scan takes only what is new"


@pytest.fixture
def origin(tmp_path: Path) -> RepoWriter:
    """A bare repository with two commits."""
    writer = RepoWriter.create(tmp_path / "served" / "app", bare=True)
    first = writer.commit({b"a.txt": body(plain_token(1))}, ref=MAIN)
    writer.commit({b"a.txt": body(plain_token(1)), b"b.txt": body(plain_token(2))}, (first,), ref=MAIN)
    return writer


@pytest.fixture
def server(tmp_path: Path, origin: RepoWriter, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """Serves it. Temporary files of the runs go to a folder that tests look into."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    for name in [name for name in os.environ if name.endswith(("_TOKEN", "_proxy", "_PROXY"))]:
        monkeypatch.delenv(name)
    with GitServer(tmp_path / "served") as running:
        yield running


def add(origin: RepoWriter, number: int, size: int = 0) -> str:
    """One more commit, with one more token and `size` bytes that do not compress."""
    tip = str(origin.repo.references[MAIN].target)
    files = {b"n%d.txt" % number: body(plain_token(number)), b"n.bin": b"\0" + os.urandom(size)}
    return origin.commit(files, (tip,), ref=MAIN)


def found(ran: Ran) -> list[tuple[str, str]]:
    """Target and path of each finding, sorted."""
    return sorted((finding["target"], finding["path"]) for finding in ran.findings)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_without_a_state(server: GitServer, tmp_path: Path, rules: str, jobs: str) -> None:
    """One fetch, whatever the number of processes; nothing stays behind but a word of advice."""
    url = server.url("app")
    ran = scan("--rules", rules, "-j", jobs, url)
    assert (found(ran), ran.code, ran.err) == ([(url, "a.txt"), (url, "b.txt")], 1, b"")
    assert server.packs == 1
    assert list((tmp_path / "tmp").iterdir()) == []
    loud = gossip("scan", "--rules", rules, "--format", "jsonl", "-j", jobs, url, f"{url}/")
    assert NOTE in loud.error_lines
    assert f"gossip: fetching {url}" in loud.error_lines
    assert loud.findings == ran.findings


def test_only_what_is_new(server: GitServer, origin: RepoWriter, tmp_path: Path, rules: str) -> None:
    """Unchanged: one listing of refs, and no object is read, for there is none to read. Then one commit, one blob."""
    url, state = server.url("app"), tmp_path / "state"
    first = run(state, rules, [url], 1)
    assert found(first) == [(url, "a.txt"), (url, "b.txt")]
    (mirror,) = (state / "mirrors").glob("*.git")
    server.requests.clear()
    packs = mirror / "objects" / "pack"
    packs.rename(tmp_path / "away")
    second = run(state, rules, [url], 2)
    assert (second.findings, second.summary["documents"], second.summary["losses"], second.code) == ([], 0, {}, 0)
    assert server.requests == ["GET /app/info/refs"]
    (tmp_path / "away").rename(packs)
    add(origin, 3)
    third = run(state, rules, [url], 2)
    assert (found(third), third.summary["documents"]) == ([(url, "n3.txt")], 1)
    assert server.packs == 1
    fresh = scan("--rules", rules, url)
    assert sorted(row[2] for row in tables(state / "lake")[0] if row[-1] == "found") == sorted(
        f["finding_id"] for f in [*first.findings, *third.findings]
    )
    assert len(fresh.findings) == 3


def test_killed_in_mid_fetch(server: GitServer, origin: RepoWriter, tmp_path: Path, rules: str) -> None:
    """The first fetch, and a later one: what comes next leaves the tables of a run that nobody disturbed."""
    url = server.url("app")
    for number in (10, 11):
        undisturbed = tmp_path / f"undisturbed-{number}"
        add(origin, number, 300_000)
        hold = threading.Event()
        server.held.clear()
        server.trouble = Trouble(hold=hold, cut_bytes=200_000)
        line = start(tmp_path / "state", rules, [url], 2)
        assert server.held.wait(30)
        line.kill()
        line.communicate()
        hold.set()
        (mirror,) = (tmp_path / "state" / "mirrors").glob("*.git")
        assert [path for path in mirror.rglob("*") if "git2" in path.name]
        server.trouble = Trouble()
        assert ended(start(tmp_path / "state", rules, [url], 2)).code == 1
        run(undisturbed, rules, [url], 1)
        assert not [path for path in mirror.rglob("*") if "git2" in path.name or path.suffix == ".lock"]
        ours, theirs = (
            [row[1:] for row in tables(state / "lake")[0] if row[-1] == "found"]
            for state in (tmp_path / "state", undisturbed)
        )
        assert sorted(ours) == sorted(theirs)


def test_trouble_on_the_way(server: GitServer, origin: RepoWriter, tmp_path: Path, rules: str) -> None:
    """A 503, a body cut short and a reset cost a second try each; where it lasts, the other targets are scanned."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "t.txt").write_bytes(body(plain_token(50)))
    url, state = server.url("app"), tmp_path / "state"
    for kind in ("unavailable", "cut", "reset"):
        add(origin, 20 + len(kind), 5000)
        server.trouble = Trouble(**{kind: 1})  # type: ignore[arg-type]
        ran = run(state, rules, [url], 1)
        assert (ran.code, ran.summary["losses"]) == (1, {})
    add(origin, 40)
    server.trouble = Trouble(unavailable=100)
    lasting = run(state, rules, [url, str(tree)], 1)
    assert (found(lasting), lasting.code) == ([(str(tree), "t.txt")], 3)
    assert [(loss["kind"], loss["where"], loss["detail"]) for loss in lasting.summary["losses_named"]] == [
        ("unreadable", url, "unexpected http status code: 503")
    ]
    server.trouble = Trouble()
    after = run(state, rules, [url, str(tree)], 1)
    assert (found(after), after.code) == ([(url, "n40.txt")], 1)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("http://127.0.0.1:1/app", "Connection refused"),
        ("https://no-such-host.invalid/app", "check the name of the host"),
        ("{server}none", "status code: 404"),
    ],
)
def test_what_cannot_be_reached(server: GitServer, rules: str, name: str, told: str) -> None:
    """Is a loss, which names the URL and why."""
    url = name.format(server=server.url(""))
    ran = scan("--rules", rules, url)
    ((kind, where, detail),) = [tuple(loss.values()) for loss in ran.summary["losses_named"]]
    assert (ran.code, ran.findings, kind, where, told in detail) == (3, [], "unreadable", url, True)


@pytest.mark.parametrize("way", ["url", "token", "helper"])
def test_no_login_is_kept_or_shown(
    server: GitServer, tmp_path: Path, rules: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the state, the lake, outputs, temporary files or messages, whether it is taken or refused."""
    url, state = server.url("app"), tmp_path / "state"
    target = server.url("app", f"{USER}:{WORD}") if way == "url" else url
    if way == "token":
        monkeypatch.setenv("GOSSIP_GIT_TOKEN", WORD)
        monkeypatch.setenv("GOSSIP_GIT_USER", USER)
    elif way == "helper":
        bin_ = tmp_path / "bin"
        bin_.mkdir()
        (bin_ / "git").write_text(f"#!/bin/sh\necho username={USER}\necho password={WORD}\n")
        (bin_ / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    outputs = [
        argument for name in ("o.json", "o.sarif", "o.csv", "o.xml") for argument in ("-o", str(tmp_path / name))
    ]
    for login, code in ((WORD, 1), ("another", 3)):
        server.trouble = Trouble(login=(USER, login))
        ran = run(state, rules, [target], 2, "--debug", *outputs)
        assert ran.code == code, ran.err
        assert WORD.encode() not in ran.out + ran.err
        assert f"{USER}:".encode() not in ran.out + ran.err
        assert {finding["target"] for finding in ran.findings} <= {url}
        bare = scan("--rules", rules, "--debug", target)
        assert (bare.code, WORD.encode() in bare.out + bare.err) == (code, False)
    files = [path for path in all_files(tmp_path) if path.parent.name != "bin"]
    assert len(files) > 20
    assert [path for path in files if WORD.encode() in path.read_bytes()] == []


def test_refs_of_a_remote(server: GitServer, origin: RepoWriter, rules: str) -> None:
    """Proposals only on demand; a revision to start from; a ref that is not there is misuse."""
    url = server.url("app")
    tip = str(origin.repo.references[MAIN].target)
    origin.commit({b"p.txt": body(plain_token(70))}, (tip,), ref="refs/pull/1/head")
    origin.commit({b"s.txt": body(plain_token(71))}, (tip,), ref="refs/heads/side")
    for options, paths in (
        ((), ["a.txt", "b.txt", "s.txt"]),
        (("--branch", "main"), ["a.txt", "b.txt"]),
        (("--ref", "refs/pull/*", "--since", "main"), None),
        (("--ref", "refs/pull/*", "--branch", "main"), ["a.txt", "b.txt", "p.txt"]),
        (("--ref", "refs/pull/*", "--branch", "main", "--since", "main"), ["p.txt"]),
        (("--exclude-ref", "side"), ["a.txt", "b.txt"]),
        (("--branch", "none"), None),
    ):
        ran = scan("--rules", rules, *options, url)
        if paths is None:
            assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1), options
        else:
            assert [path for _, path in found(ran)] == paths, options


def test_abandoned_temporary_mirrors_are_removed(server: GitServer, tmp_path: Path, rules: str) -> None:
    """Of runs that were killed; not of runs that go on."""
    hold = threading.Event()
    server.trouble = Trouble(hold=hold)
    line = subprocess.Popen(command("scan", "-q", "--rules", rules, server.url("app")), env=environment(), cwd=ROOT)
    assert server.held.wait(30)
    (folder,) = (tmp_path / "tmp").iterdir()
    server.trouble = Trouble()
    assert scan("--rules", rules, server.url("app")).code == 1
    assert list((tmp_path / "tmp").iterdir()) == [folder]
    line.kill()
    line.wait()
    hold.set()
    assert scan("--rules", rules, server.url("app")).code == 1
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_fetch(server: GitServer, tmp_path: Path, rules: str, number: signal.Signals) -> None:
    """At once, even while the server is silent; the temporary mirror is removed."""
    hold = threading.Event()
    server.trouble = Trouble(hold=hold)
    line = subprocess.Popen(command("scan", "-q", "--rules", rules, server.url("app")), env=environment(), cwd=ROOT)
    assert server.held.wait(30)
    line.send_signal(number)
    assert line.wait(10) == 128 + number
    hold.set()
    assert list((tmp_path / "tmp").iterdir()) == []
