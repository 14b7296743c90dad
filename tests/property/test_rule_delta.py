"""Rules that change between scans: in the end the lake shows what a scan of everything by the last rules finds."""

from __future__ import annotations

import base64
import contextlib
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossip.connectors.lake.lane import CommitLane
from gossip.connectors.lake.maintain import verify
from gossip.connectors.lake.storage import location
from gossip.connectors.lake.views import query
from gossip.flows.cli.main import cli
from tests.support.repo_base import RepoWriter

POOL = {
    "red": "regex = '''RED[0-9]{4}'''",
    "red-wide": "regex = '''RED[0-9]{3,5}'''\nsecretGroup = 0",
    "blue": "regex = '''BLUE[0-9]{4}'''",
    "blue-silent": "regex = '''BLUE[0-9]{4}'''\nskipReport = true",
    "generic": "regex = '''(?:RED|BLUE|KEY)[0-9A-Z]{3,8}'''\ntags = ['generic']",
    "other-generic": "regex = '''[A-Z]{3,4}1[0-9]{2}'''\ntags = ['generic']",
    "digits": "regex = '''[0-9]{6}'''\nkeywords = ['code']",
    "named": "path = '''key$'''",
    "pair": "regex = '''PAIR[0-9]{2}'''\n[[rules.required]]\nid = 'blue'\nwithinLines = 3",
}
ALLOW = "\n[[allowlists]]\nregexes = ['''RED1''']\n"
ALLOW_ONE = "\n[[allowlists]]\ntargetRules = ['red']\nregexes = ['''RED2''']\n"
WORDS = (b"RED1234", b"RED2345", b"RED12345", b"BLUE1234", b"KEY12AB", b"code 123456", b"PAIR12", b"KEY1BLUE1234")
LINES = (*WORDS, *(base64.b64encode(b"some text: " + word + b" and more of it") for word in WORDS[::2]))

lines = st.lists(st.sampled_from(LINES), min_size=1, max_size=4)
paths = st.sampled_from(("a.txt", "b/c.txt", "d.key"))
chosen = st.tuples(
    st.sets(st.sampled_from(sorted(POOL)), min_size=1, max_size=6),
    st.sampled_from(("", "", "", ALLOW, ALLOW_ONE)),
)
steps = st.lists(
    st.tuples(chosen, st.lists(st.tuples(paths, lines), max_size=2), st.integers(0, 12)),
    min_size=2,
    max_size=5,
)
SHOWN = {
    "occurrences": "occurrence_id, finding_id, rule_id, path, start, line, object_id, commit, preview, secret_hash, "
    "decode_path, confidence, parts, presence, rule_fingerprint, description",
    "findings": "finding_id, rule_id, state, places, paths, at_head, preview, confidence",
}


class CrashError(Exception):
    """The end of a process."""


class Crash:
    """Ends an execution at the n-th hook that it comes to; 0: never."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, _point: str) -> None:
        """Count down."""
        self.left -= 1
        if self.left == 0:
            raise CrashError


def rule_file(folder: Path, names: set[str], allow: str) -> Path:
    """Rules of the pool; a part that is needed is there too."""
    names = names | {"blue"} if "pair" in names else names
    entries = []
    for name in sorted(names):
        rule_id = name if "generic" in name else name.partition("-")[0]
        if rule_id == name or rule_id not in names:
            entries.append(f"[[rules]]\nid = '{rule_id}'\nconfidence = 5\n{POOL[name]}\n")
    text = "".join(entries)
    path = folder / "rules.toml"
    red = "id = 'red'" in text
    path.write_text(text + (allow if red or allow != ALLOW_ONE else ""))
    return path


def scan(folder: Path, state: str, rules: Path, crash: int = 0) -> None:
    """A remembered scan of both targets in this process."""
    key = folder / "key"
    key.write_text("5a" * 32)
    line = ["scan", "-q", "-j", "1", "--rules", str(rules), "--state", str(folder / state)]
    line += ["--tenant-key-file", str(key), "-o", str(folder / "out.jsonl"), str(folder / "repo"), str(folder / "tree")]
    hook = Crash(crash)
    with mock.patch("gossip.connectors.lake.memory.CommitLane", partial(CommitLane, hook=hook)):
        if crash:
            with contextlib.suppress(BaseException):
                cli.main(line, standalone_mode=False)
            return
        with pytest.raises(SystemExit) as ended:
            cli.main(line, standalone_mode=False)
    assert ended.value.code in (0, 1)


def shown(lake: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What users see of what holds."""
    found = {}
    for view, columns in SHOWN.items():
        retracted = "NOT retracted" if view == "occurrences" else "state <> 'retracted'"
        answer = query(location(str(lake)), f"SELECT {columns} FROM {view} WHERE {retracted}")
        found[view] = sorted(answer.rows(), key=repr)
        answer.close()
    return found


@settings(max_examples=int(os.environ.get("GOSSIP_TEST_DELTAS", "6")), suppress_health_check=list(HealthCheck))
@given(steps, lines)
def test_a_delta_rescan_shows_what_a_full_one_does(
    changes: list[tuple[tuple[set[str], str], list[tuple[str, list[bytes]]], int]], first: list[bytes]
) -> None:
    """Rules are added, changed, removed and come back, with scans that die on the way, while content is added."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repo = RepoWriter.create(folder / "repo", bare=True)
        files: dict[bytes, bytes] = {b"first.txt": b"\n".join(first)}
        head = repo.commit(files, ref="refs/heads/main")
        (folder / "tree").mkdir()
        (folder / "tree" / "first.txt").write_bytes(b"\n".join(first))
        number = 0
        for (names, allow), added, crash in changes:
            for path, text in added:
                number += 1
                where = f"{number}{path}"
                files[where.encode()] = b"\n".join(text)
                head = repo.commit(files, (head,), ref="refs/heads/main")
                at = folder / "tree" / where
                at.parent.mkdir(exist_ok=True)
                at.write_bytes(b"\n".join(text))
            rules = rule_file(folder, names, allow)
            scan(folder, "state", rules, crash)
        scan(folder, "state", rules)
        scan(folder, "fresh", rules)
        assert shown(folder / "state" / "lake") == shown(folder / "fresh" / "lake")
        assert verify(location(str(folder / "state" / "lake"))).violations == ()
