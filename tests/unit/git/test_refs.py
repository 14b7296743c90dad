from __future__ import annotations

import os
from pathlib import Path

import pytest

from gossip.connectors.git.refs import read_refs
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss

ONE, TWO = "1" * 40, "a2" * 20


def put(folder: Path, files: dict[str, str]) -> bytes:
    """Write files below a Git folder; its path."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return os.fsencode(folder)


def test_every_kind_of_ref(tmp_path: Path) -> None:
    """Loose, packed, symbolic, and of a linked worktree; a loose one is newer than a packed one."""
    (tmp_path / "refs").mkdir()
    (tmp_path / "refs" / "link").symlink_to("refs/heads/main")
    folder = put(
        tmp_path,
        {
            "HEAD": "ref: refs/heads/main\n",
            "refs/heads/main": ONE + "\n",
            "refs/heads/a/b": TWO.upper(),
            "refs/heads/.DS_Store": "x",
            "refs/heads/main.lock": "",
            "refs/remotes/origin/HEAD": "ref: refs/remotes/origin/gone",
            "packed-refs": f"# pack-refs with: peeled \n{TWO} refs/heads/main\n{TWO} refs/tags/v1\n^{ONE}\n",
            "worktrees/w/HEAD": TWO + "\n",
            "worktrees/w/refs/bisect/bad": ONE + "\n",
        },
    )
    refs = read_refs(folder)
    one, two = bytes.fromhex(ONE), bytes.fromhex(TWO)
    assert refs.losses == []
    assert refs.ids == {
        b"refs/heads/main": one,
        b"refs/heads/a/b": two,
        b"refs/tags/v1": two,
        b"worktrees/w/HEAD": two,
        b"worktrees/w/refs/bisect/bad": one,
    }
    assert (refs.head(b""), refs.head(b"worktrees/w/")) == (one, two)


DAMAGED = {
    "refs/heads/x": ["", "nonsense\n", ONE[:39] + "\n", ONE + "0\n", "ref: \n", "ref: config\n"],
    "HEAD": ["", "refs/heads/main\n", "ref: ../config\n"],
    "packed-refs": [f"{TWO}\n", f"{TWO} refs/tags/a", f"{TWO[:39]} refs/tags/a\n", "\0" * 100],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in DAMAGED for text in DAMAGED[name]])
def test_damaged_file_is_one_loss(name: str, text: str, tmp_path: Path) -> None:
    """It is named, and the other refs are there."""
    folder = put(tmp_path, {"HEAD": "ref: refs/heads/main\n", "refs/heads/main": ONE, name: text})
    refs = read_refs(folder)
    assert [(loss.kind, loss.where) for loss in refs.losses] == [("unreadable", name)]
    assert refs.ids == {b"refs/heads/main": bytes.fromhex(ONE)}


def test_damaged_lines_do_not_cost_the_others(tmp_path: Path) -> None:
    """Of `packed-refs`."""
    refs = read_refs(put(tmp_path, {"packed-refs": f"{ONE} refs/a\n{TWO}refs/b\n{TWO} refs/c\n", "HEAD": ONE}))
    assert set(refs.ids) == {b"refs/a", b"refs/c", b"HEAD"}
    assert refs.losses == [Loss("unreadable", "packed-refs", "1 of 3 lines name no ref; the first is line 2")]


@pytest.mark.parametrize("target", ["ref: refs/heads/broken", "ref: refs/heads/circle", "nonsense"])
def test_head_that_leads_to_no_id(target: str, tmp_path: Path) -> None:
    """A damaged branch is not one without commits, even where an old place of it is packed."""
    files = {"HEAD": target, "refs/heads/broken": "?", "refs/heads/circle": "ref: refs/heads/circle"}
    refs = read_refs(put(tmp_path, {**files, "packed-refs": f"{ONE} refs/heads/broken\n"}))
    with pytest.raises(PermanentError):
        refs.head(b"")


def test_head_without_commits(tmp_path: Path) -> None:
    """None, and no loss."""
    refs = read_refs(put(tmp_path, {"HEAD": "ref: refs/heads/main\n"}))
    assert (refs.head(b""), refs.losses) == (None, [])
