"""Remembered scans: what they find in the end is what a scan that remembers nothing finds, and nothing is read twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import stat
from pathlib import Path

import pytest

from gossip.connectors.lake.maintain import verify
from gossip.connectors.lake.storage import location
from tests.chaos.making import KEY, run, start, tables
from tests.support.cli import TOKEN_RULES, Ran, gossip, scan
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import BUILDERS, openable, plain_token

TWO_PLACES = TOKEN_RULES + "\n[allowlist]\npaths = ['''^allowed/''']\n"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder that is not there yet."""
    return tmp_path / "state"


def fresh(rules: str, tmp_path: Path, *targets: str) -> Ran:
    """A scan that remembers nothing, under the key of the others."""
    key = tmp_path / "key"
    key.write_text(KEY)
    return scan("--rules", rules, "--tenant-key-file", str(key), "-j", "1", *targets)


def ids(ran: Ran) -> set[str]:
    """Occurrences that a scan reported."""
    return {found["occurrence_id"] for found in ran.findings}


def placed(ran: Ran) -> set[str]:
    """Those to which refs lead."""
    return {found["occurrence_id"] for found in ran.findings if not found["unreachable"]}


def kept(state: Path) -> set[str]:
    """Occurrences in the lake, which is sound."""
    assert verify(location(str(state / "lake"))).violations == ()
    rows = [row[1] for row in tables(state / "lake")[0] if row[-1] == "found"]
    assert len(set(rows)) == len(rows)
    return set(rows)


@pytest.mark.parametrize("shape", openable())
def test_every_shape_of_repository(tmp_path: Path, rules: str, state: Path, shape: str) -> None:
    """The same findings, losses and exit code; a second scan finds nothing new, and still says what is lost."""
    target = str(BUILDERS[shape](tmp_path / "repo", plain_token).path)
    plain = fresh(rules, tmp_path, target)
    first = run(state, rules, [target], 1)
    assert (ids(first), first.summary["losses"], first.code) == (ids(plain), plain.summary["losses"], plain.code)
    assert kept(state) == ids(plain)
    second = run(state, rules, [target], 1)
    assert (second.findings, second.summary["losses"]) == ([], plain.summary["losses"])
    assert second.code == (3 if plain.code == 3 else 0)
    assert kept(state) == ids(plain)


@pytest.mark.parametrize("seed", range(3))
def test_a_repository_that_changes(tmp_path: Path, state: Path, seed: int) -> None:
    """After each change, the lake has all that fresh scans have found so far, and nothing else."""
    draw = random.Random(seed)
    rules = tmp_path / "rules.toml"
    rules.write_text(TWO_PLACES)
    writer = RepoWriter.create(tmp_path / "repo", bare=True)
    heads = [writer.commit({b"a.txt": body(plain_token(0))}, ref="refs/heads/main")]
    trees = [{b"a.txt": body(plain_token(0))}]
    loose: list[bytes] = []
    seen: set[str] = set()
    nowhere: set[str] = set()
    for step in range(1, 7):
        which = draw.randrange(len(heads))
        files = dict(trees[which])
        data = draw.choice([body(plain_token(step)), *files.values(), *loose])
        files[draw.choice([b"allowed/x%d", b"b/y%d", b"z%d"]) % step] = data
        ref = f"refs/heads/{draw.choice(['main', f'b{step}'])}"
        heads.append(writer.commit(files, (heads[which],), ref=ref))
        trees.append(files)
        loose.append(body(plain_token(100 + step)))
        writer.blob(loose[-1])  # nothing leads to it yet
        now = fresh(str(rules), tmp_path, str(tmp_path / "repo"))
        found = run(state, str(rules), [str(tmp_path / "repo")], 1)
        assert placed(found) == placed(now) - seen
        assert ids(found) - placed(found) <= ids(now) - placed(now)
        seen |= placed(now)
        nowhere |= ids(found) - placed(found)
        assert kept(state) == seen | nowhere


def test_an_object_that_comes_back(tmp_path: Path, rules: str, state: Path) -> None:
    """A missing blob is lost in every run until it is there; then it is scanned, and has its place."""
    writer = RepoWriter.create(tmp_path / "repo", bare=True)
    data = body(plain_token(7))
    commit = writer.commit({b"a.txt": data, b"b.txt": body(plain_token(8))}, ref="refs/heads/main")
    away = writer.loose(writer.id_of(data))
    away.rename(tmp_path / "away")
    target = str(tmp_path / "repo")
    for findings in (1, 0):
        ran = run(state, rules, [target], 1)
        assert (ran.code, ran.summary["losses"], len(ran.findings)) == (3, {"missing-object": 1}, findings)
    (tmp_path / "away").rename(away)
    ran = run(state, rules, [target], 1)
    assert [(found["path"], found["commit"]) for found in ran.findings] == [("a.txt", commit)]
    assert (ran.code, ran.summary["losses"]) == (1, {})
    again = run(state, rules, [target], 1)
    assert (again.code, again.summary["documents"], again.summary["losses"]) == (0, 0, {})


def test_only_files_that_changed_are_scanned(tmp_path: Path, rules: str, state: Path) -> None:
    """Another unit's files are not read; what was found before is not reported again."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(2000):
        (tree / f"{number:04d}.txt").write_bytes(body(plain_token(number)))
    assert len(run(state, rules, [str(tree)], 1).findings) == 2000
    (tree / "0500.txt").write_bytes(body(plain_token(9000)))
    (tree / "0000a.txt").write_bytes(body(plain_token(9001)))
    ran = run(state, rules, [str(tree)], 2)
    assert sorted(found["path"] for found in ran.findings) == ["0000a.txt", "0500.txt"]
    assert 2 <= ran.summary["documents"] < 1600
    assert len(kept(state)) == 2002


def test_a_unit_that_fails_is_tried_three_times_and_parked(tmp_path: Path, rules: str, state: Path) -> None:
    """Until it is unparked; each run says that it is incomplete."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "bad.txt").write_bytes(body(plain_token(1)))

    def attempt() -> tuple[int, dict[str, int]]:
        ran = run(state, rules, [str(tree)], 1, GOSSIP_TEST_UNREADABLE="bad.txt")
        return ran.code, ran.summary["losses"]

    assert [attempt() for _ in range(5)] == [(3, {"unreadable": 1})] * 3 + [(3, {"parked": 1})] * 2
    rows = [row[3:6] for row in tables(state / "lake")[1] if row[1] == "files"]
    assert rows == [("failed_retryable", "unreadable", n) for n in (1, 2, 3)]
    (target,) = json.loads(gossip("status", "--state", str(state), "-f", "json").out)["targets"]
    assert (target["done"], target["failed"], len(target["parked"])) == (0, 0, 1)
    assert gossip("unpark", "--state", str(state), "nonsense").code == 2
    assert gossip("unpark", "--state", str(state), *target["parked"]).out == b"1 units will be tried again\n"
    assert attempt() == (3, {"unreadable": 1})
    ran = run(state, rules, [str(tree)], 1)
    assert (ran.code, len(ran.findings), ran.summary["losses"]) == (1, 1, {})
    assert len(kept(state)) == 1


def test_status_of_a_state(tmp_path: Path, rules: str, state: Path) -> None:
    """Targets, units and the last run."""
    target = str(BUILDERS["packed"](tmp_path / "repo", plain_token).path)
    ran = run(state, rules, [target], 1)
    found = json.loads(gossip("status", "--state", str(state), "-f", "json").out)
    (known,) = found["targets"]
    assert (known["target"], known["covered"], known["failed"], known["parked"]) == (target, True, 0, [])
    assert found["last_run"]["findings"] == len(ran.findings)
    text = gossip("status", "--state", str(state)).out.decode()
    assert target in text
    assert "Last run: complete" in text


def test_a_state_in_use_is_refused(tmp_path: Path, rules: str, state: Path) -> None:
    """At once, with the owner's pid and host; when the owner was killed, the next one takes over."""
    target = str(BUILDERS["linear"](tmp_path / "repo", plain_token).path)
    gate = tmp_path / "gate"
    owner = start(state, rules, [target], 1, GOSSIP_TEST_HOLD=f"before-ledger:{gate}")
    while not os.path.exists(f"{gate}.here"):
        assert owner.poll() is None
    refused = run(state, rules, [target], 1)
    assert refused.code == 2
    assert f"in use by process {owner.pid} on {socket.gethostname()}".encode() in refused.err
    owner.kill()
    owner.communicate()
    assert run(state, rules, [target], 1).code == 1


def test_files_of_a_state(tmp_path: Path, rules: str, state: Path) -> None:
    """A key that only its owner can read, unless it comes from elsewhere; a format; findings in `query`."""
    target = str(BUILDERS["linear"](tmp_path / "repo", plain_token).path)
    own = scan("--rules", rules, "--state", str(state), target)
    assert own.code == 1
    assert sorted(path.name for path in state.iterdir()) == ["format.json", "lake", "lock", "tenant.key"]
    assert stat.S_IMODE((state / "tenant.key").stat().st_mode) == 0o600
    asked = gossip("query", "SELECT occurrence_id FROM occurrences", "--state", str(state)).records
    assert {row["occurrence_id"] for row in asked} == ids(own)
    run(tmp_path / "other", rules, [target], 1)
    assert not (tmp_path / "other" / "tenant.key").exists()


def test_misuse(tmp_path: Path, rules: str, state: Path) -> None:
    """One line, exit code 2, and nothing changed."""
    target = str(BUILDERS["linear"](tmp_path / "repo", plain_token).path)
    run(state, rules, [target], 1)
    before = tables(state / "lake")
    newer = tmp_path / "newer"
    shutil.copytree(state, newer)
    (newer / "format.json").write_text(json.dumps(json.loads((newer / "format.json").read_text()) | {"format": 2}))
    for arguments, said in (
        (["--state", str(newer), target], b"format 2 is newer"),
        (["--state", str(state), target], b"tenant key"),
        (["--state", str(state), "-"], b"standard input"),
        (["--state", str(state), "--staged", target], b"exclude each other"),
        (["--state", str(tmp_path / "repo" / "state"), target], b"lies in the target"),
        (["--state", str(tmp_path), target], b"neither empty nor a state folder"),
        (["--lake", str(tmp_path / "lake"), target], b"give --state"),
    ):
        ran = scan("--rules", rules, *arguments)
        assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1), arguments
        assert said in ran.err
    assert tables(state / "lake") == before
    moved = run(state, rules, [target], 1, "--lake", str(tmp_path / "elsewhere"))
    assert (moved.code, b"not the one that --lake names" in moved.err) == (2, True)


def test_a_bare_folder_without_config_is_bare(tmp_path: Path, rules: str, state: Path) -> None:
    """Files around it are not its checkout."""
    writer = RepoWriter.create(tmp_path / "around" / "repo", bare=True)
    writer.commit({b"a.txt": body(plain_token(1))}, ref="refs/heads/main")
    (tmp_path / "around" / "repo" / "config").unlink()
    (tmp_path / "around" / "other.txt").write_bytes(body(plain_token(2)))
    ran = run(state, rules, [str(tmp_path / "around" / "repo")], 1)
    assert [found["path"] for found in ran.findings] == ["a.txt"]


def test_what_a_failed_unit_has_is_kept(tmp_path: Path, state: Path) -> None:
    """Findings beside an unreadable file, and of rules that look at paths alone: the lake is sound, with each once."""
    rules = tmp_path / "rules.toml"
    rules.write_text(TOKEN_RULES + "\n[[rules]]\nid = 'key-file'\npath = '''key$'''\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("a.txt", "bad.txt", "id.key"):
        (tree / name).write_bytes(body(plain_token(len(name))))
    first = run(state, str(rules), [str(tree)], 1, GOSSIP_TEST_UNREADABLE="bad.txt")
    assert sorted(found["path"] for found in first.findings) == ["a.txt", "id.key", "id.key"]
    assert kept(state) == ids(first)
    second = run(state, str(rules), [str(tree)], 1)
    assert "bad.txt" in [found["path"] for found in second.findings]
    assert kept(state) == ids(first) | ids(second)
    writer = RepoWriter.create(tmp_path / "repo", bare=True)
    writer.commit({b"some.key": b"nothing"}, ref="refs/heads/main")
    third = run(state, str(rules), [str(tmp_path / "repo")], 1)
    assert [found["rule_id"] for found in third.findings] == ["key-file"]
    assert kept(state) == ids(first) | ids(second) | ids(third)
