"""The connector that docs/connectors.md shows: run as it stands there, from a package of its own."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gossip.connectors.conformance import SourceContract, World
from gossip.schemas.units import Target
from tests.support.cli import ROOT, TOKEN_RULES, command, environment
from tests.support.repos import plain_token

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "connectors.md").read_text(), re.DOTALL)
SOURCE_LINES_MAX = 60


def make_notes(path: Path, notes: dict[str, bytes]) -> None:
    """A database of notes."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE notes (name TEXT PRIMARY KEY, version INTEGER, body BLOB)")
        db.executemany("INSERT INTO notes VALUES (?, 1, ?)", sorted(notes.items()))


def shown_source() -> Any:
    """The class that the document shows."""
    names: dict[str, Any] = {}
    exec(compile(BLOCKS[0], "docs/connectors.md", "exec"), names)
    return names["NotesSource"]


class TestNotes(SourceContract):
    """The shown source keeps the contract."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        """A database of some hundred notes."""
        path = tmp_path / "notes.db"
        content = {f"n{number:03}": b"note %d" % number for number in range(600)}
        make_notes(path, content)

        def run(sql: str) -> bytes:
            with closing(sqlite3.connect(path)) as db, db:
                db.execute(sql)
            return b"n300"

        return World(
            shown_source(),
            Target("notes", f"notes://{path}", "notes"),
            {name.encode(): data for name, data in content.items()},
            change=lambda: run("UPDATE notes SET version = 2, body = x'4142' WHERE name = 'n300'"),
            remove=lambda: run("DELETE FROM notes WHERE name = 'n300'"),
            broken=[Target("notes", f"notes://{tmp_path}/none.db", "none")],
            spellings=[Target("notes", f"notes://{path}/", "notes")],
        )


def test_the_shown_suite(tmp_path: Path) -> None:
    """The suite runs as it is shown, and the source is short."""
    assert len(BLOCKS[0].splitlines()) <= SOURCE_LINES_MAX
    database = tmp_path / "notes.db"
    make_notes(database, {"a": b"first", "b": b"second"})
    fixture = f"\n@pytest.fixture\ndef notes(): return {str(database)!r}\n"
    (tmp_path / "test_notes.py").write_text(BLOCKS[0] + BLOCKS[1] + fixture)
    done = subprocess.run(
        [*command()[:1], "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        env=environment(),
        cwd=tmp_path,
        check=False,
    )
    tests = sum(name.startswith("test_") for name in dir(SourceContract))
    assert (done.returncode, f"{tests} passed" in done.stdout.decode()) == (0, True), done.stdout.decode()[-2000:]


def test_an_installed_package_brings_a_scheme(tmp_path: Path) -> None:
    """Found by its entry point, and remembered like any other source; a login in its URL is not shown."""
    package = tmp_path / "site"
    info = package / "gossip_notes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gossip-notes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gossip.connectors]\nnotes = gossip_notes:NotesSource\n")
    (package / "gossip_notes.py").write_text(BLOCKS[0])
    (tmp_path / "rules.toml").write_text(TOKEN_RULES)
    database = tmp_path / "notes.db"
    make_notes(database, {"a": plain_token(1), "b": b"nothing"})
    given = ["scan", "-q", "-f", "jsonl", "--rules", str(tmp_path / "rules.toml"), "--state", str(tmp_path / "state")]
    env = environment()
    env["PYTHONPATH"] += f":{package}"
    runs = [
        subprocess.run(command(*given, f"notes://{database}"), capture_output=True, env=env, check=False) for _ in "ab"
    ]
    assert [(run.returncode, run.stderr, run.stdout.count(b'"path":"a"')) for run in runs] == [(1, b"", 1), (0, b"", 0)]
    unknown = subprocess.run(command("scan", f"none://{database}"), capture_output=True, env=env, check=False)
    assert (unknown.returncode, unknown.stderr.count(b"\n")) == (2, 1)
