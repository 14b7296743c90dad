"""`gossip watch`: what comes is found, once, whatever happens to the processes."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from gossip.connectors.lake.maintain import verify
from gossip.connectors.lake.storage import location
from tests.chaos.making import tables
from tests.support.cli import TIMEOUT_SECONDS, TOKEN_RULES, gossip
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import plain_token
from tests.support.watching import Watching

CONFIG = """
interval: 200ms
rules: rules.toml
targets:
  - repo
  - {path: tree, interval: 0.3}
"""
OTHER_RULE = """
[[rules]]
id = "other"
regex = '''OTHERTOKEN[0-9]{4}'''
keywords = ["othertoken"]
confidence = 8
"""


class World:
    """A bare repository and a folder of files, and a watch's settings for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "watch.yaml"
        self.config.write_text(CONFIG)
        (folder / "rules.toml").write_text(TOKEN_RULES)
        self.repo = RepoWriter.create(folder / "repo", bare=True)
        self.tree = folder / "tree"
        self.tree.mkdir()
        self._files: dict[bytes, bytes] = {}
        self._tip: tuple[str, ...] = ()
        self.commit("first", 1)
        self.write("one", 501)

    def commit(self, name: str, token: int) -> None:
        """A commit that adds a file with a token."""
        self._files[name.encode()] = body(plain_token(token), name)
        self._tip = (self.repo.commit(self._files, self._tip, ref="refs/heads/main"),)

    def write(self, name: str, token: int) -> None:
        """A file with a token, put in place whole."""
        (self.folder / "beside").write_bytes(body(plain_token(token), name))
        os.replace(self.folder / "beside", self.tree / name)

    def watch(self, *more: str) -> Watching:
        """Start a watch, which says what it does in `watch/`."""
        return Watching(self.folder / "watch", self.config, *more)

    def kept(self) -> list[str]:
        """Paths in the lake, which is sound and has each occurrence once."""
        lake = self.folder / "watch" / "state" / "lake"
        assert verify(location(str(lake))).violations == ()
        rows = [row for row in tables(lake)[0] if row[-1] == "found"]  # others say what is in a head
        assert len({row[1] for row in rows}) == len(rows)
        return sorted(row[5] for row in rows)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """One of its own for each test."""
    return World(tmp_path)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_comes_is_found_once(world: World, jobs: str) -> None:
    """Before it starts, while it runs, and while it is down after a kill; a signal ends it well."""
    with world.watch("-j", jobs) as watch:
        watch.until(lambda w: w.paths == ["first", "one"])
        world.commit("second", 2)
        world.write("two", 502)
        watch.until(lambda w: w.paths == ["first", "one", "second", "two"])
        watch.kill()
    world.commit("third", 3)
    with world.watch("-j", jobs) as watch:
        watch.until(lambda w: w.paths == ["third"])
        world.write("one", 503)
        watch.until(lambda w: w.paths == ["one", "third"])
        assert watch.stop() == 0
        assert watch.said[-1] == "gossip: stopped by SIGTERM; everything that was found is in the lake"
    assert world.kept() == ["first", "one", "one", "second", "third", "two"]


def test_a_stop_is_noticed_though_nothing_is_due(world: World) -> None:
    """A lane that waits an hour for its next look ends all the same."""
    world.config.write_text(CONFIG.replace("200ms", "1h").replace("0.3", "1h"))
    with world.watch("-j", "2") as watch:
        watch.until(lambda w: w.paths == ["first", "one"])
        assert watch.stop() == 0
        assert not watch.heard("in time")


def test_a_worker_that_dies(world: World) -> None:
    """The others are ended, a new cluster begins, and nothing is found twice."""
    with world.watch("-j", "2") as watch:
        watch.until(lambda w: w.paths == ["first", "one"])
        children = psutil.Process(watch.process.pid).children()
        assert len(children) == 2
        children[0].kill()
        watch.until(lambda w: w.heard("was killed by SIGKILL; starting again in 1 s; nothing is lost"))
        world.commit("second", 2)
        watch.until(lambda w: w.paths == ["first", "one", "second"])
        assert watch.stop(signal.SIGINT) == 0
    assert world.kept() == ["first", "one", "second"]


def test_settings_that_change(world: World) -> None:
    """Targets and rules come into force while it runs; what cannot be used leaves the old ones in force."""
    later = world.folder / "later"
    with world.watch("-j", "1") as watch:
        watch.until(lambda w: w.paths == ["first", "one"])
        world.config.write_text(CONFIG.replace("interval: 0.3", "interval: soon"))
        watch.until(lambda w: w.heard("settings are kept as they were"))
        assert watch.heard("watch.yaml: targets.1.interval: not a duration; write 500ms, 30s, 5m, 2h or 1d")
        (world.folder / "rules.toml").write_text("[[rules]]\nid = 'broken'\nregex = '('\n")
        world.config.write_text(CONFIG)
        watch.until(lambda w: len([line for line in w.said if "settings are kept as they were" in line]) == 2)
        world.commit("second", 2)
        watch.until(lambda w: w.paths == ["first", "one", "second"])
        later.mkdir()
        (later / "both").write_bytes(body(plain_token(700)) + b"OTHERTOKEN1234\n")
        (world.folder / "rules.toml").write_text(TOKEN_RULES + OTHER_RULE)
        world.config.write_text(CONFIG + "  - late*\n")
        watch.until(lambda w: w.paths.count("both") == 2)
        assert sorted(f["rule_id"] for f in watch.findings if f["path"] == "both") == ["other", "token"]
        assert watch.stop() == 0


def test_a_target_that_goes_and_comes(world: World) -> None:
    """Its absence is said once, not with every look, and its return is seen."""
    world.config.write_text(CONFIG.replace("  - repo\n", "  - repo\n  - {path: gone, interval: 100ms}\n"))
    gone = world.folder / "gone"
    gone.mkdir()
    (gone / "a").write_bytes(body(plain_token(800)))
    with world.watch("-j", "1") as watch:
        watch.until(lambda w: w.paths == ["a", "first", "one"])
        os.rename(gone, world.folder / "away")
        watch.until(lambda w: w.heard("gone: no such file or folder"))
        world.commit("second", 2)
        watch.until(lambda w: w.paths == ["a", "first", "one", "second"])
        assert len([line for line in watch.said if "no such file or folder" in line]) == 1
        os.rename(world.folder / "away", gone)
        (gone / "b").write_bytes(body(plain_token(801)))
        os.kill(watch.process.pid, signal.SIGHUP)
        assert watch.stop() == 0
    with world.watch("-j", "1") as watch:
        watch.until(lambda w: w.paths == ["b"])
        assert watch.stop() == 0
    assert world.kept() == ["a", "b", "first", "one", "second"]


def test_a_second_watch_on_the_same_state(world: World) -> None:
    """Refused at once, with the owner's name."""
    with world.watch("-j", "1") as watch:
        watch.until(lambda w: w.paths == ["first", "one"])
        state = str(world.folder / "watch" / "state")
        ran = gossip("watch", str(world.config), "--state", state)
        assert (ran.code, ran.out) == (2, b"")
        assert f"in use by process {watch.process.pid} on" in ran.err.decode()
        assert watch.stop() == 0


def test_another_execution_on_the_same_lake_ends_it(world: World) -> None:
    """Starting again would not help: it gives up at once, and says why; the tables stay exact."""
    lake = world.folder / "lake"
    with Watching(world.folder / "a", world.config, "-j", "1", "--lake", str(lake)) as one:
        one.until(lambda w: w.paths == ["first", "one"])
        shutil.copytree(world.folder / "a" / "state", world.folder / "b" / "state")
        with Watching(world.folder / "b", world.config, "-j", "1", "--lake", str(lake)) as two:
            two.until(lambda w: w.heard("watching"))
            ended = lambda: [each for each in (one, two) if each.process.poll() is not None]  # noqa: E731
            for number in range(2, 50):
                world.commit(f"more{number}", number)
                deadline = time.monotonic() + TIMEOUT_SECONDS
                while not ended() and f"more{number}" not in one.paths + two.paths:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                if ended():
                    break
            assert next(each.process.returncode for each in ended()) == 4
            assert ended()[0].heard("giving up: the same would happen again")
    assert verify(location(str(lake))).violations == ()
    rows = [row for row in tables(lake)[0] if row[-1] == "found"]
    assert len({row[1] for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "watch.yaml: must be a mapping with `targets`, as docs/watch.md shows"),
        ("targets: [", "watch.yaml: line 1, column 11 not YAML: expected the node content, but found '<stream end>'"),
        ("targets: []", "watch.yaml: targets: List should have at least 1 item after validation, not 0"),
        ("targets: [nowhere]", "watch.yaml: none of its targets is there: "),
        ("targets: ['none*']", "watch.yaml: none of its targets is there: no glob matches anything"),
        ("targets: ['-']", "targets: standard input cannot be watched; use `gossip scan -`"),
        ("targets: [tree]\ninterval: 0", "watch.yaml: interval: Input should be greater than or equal to 0.1"),
        ("targets: [tree]\nintervall: 3", "watch.yaml: intervall: Extra inputs are not permitted"),
        (
            "targets: [{path: tree, file: x}]",
            "watch.yaml: targets.0: give either path (of a target; globs work) or file (with one target a line)",
        ),
        ("targets: [{file: x}]", "x: No such file or directory"),
        ("targets: [tree]\nrules: no.toml", "no.toml: "),
    ],
)
def test_settings_that_are_wrong(world: World, text: str, complaint: str) -> None:
    """One line that names the place, exit code 2, and no state folder."""
    world.config.write_text(text)
    ran = gossip("watch", str(world.config), "--state", str(world.folder / "state"))
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)
    assert complaint in ran.error_lines[0]
    assert not (world.folder / "state" / "lake").exists()
