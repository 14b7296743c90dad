from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pygit2
import pytest
from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.pack import PackData
from pygit2.enums import FileStatus

from tests.support.oracle import read_loose
from tests.support.repos import BUILDERS, PLAIN_NEEDLE, BuiltRepo, RepoWriter, naive_findings, open_any, openable
from tests.support.repos import plain_token as token

if TYPE_CHECKING:
    from pathlib import Path

DELTA_TYPES = {6, 7}


def build(name: str, tmp_path: Path) -> BuiltRepo:
    """Build one shape in a fresh folder."""
    return BUILDERS[name](tmp_path / "repo", token)


def every_byte(folder: Path) -> bytes:
    """All file contents under a folder and beside it, loose objects inflated."""
    data = []
    for file in sorted(p for p in folder.parent.rglob("*") if p.is_file() and not p.is_symlink()):
        raw = file.read_bytes()
        try:
            data.append(zlib.decompress(raw))
        except zlib.error:
            data.append(raw)
    return b"\n".join(data)


@pytest.mark.parametrize("name", openable())
def test_oracle_finds_exactly_what_was_planted(name: str, tmp_path: Path) -> None:
    """The builder's own book-keeping and the oracle, which reads only the disk, agree."""
    built = build(name, tmp_path)
    assert naive_findings(built.path, PLAIN_NEEDLE) == built.triples()


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_same_repository_every_time(name: str, tmp_path: Path) -> None:
    """Two builds in two places have the same object ids."""
    one = BUILDERS[name](tmp_path / "one", token)
    two = BUILDERS[name](tmp_path / "two", token)
    assert (one.planted, one.missing, one.damaged) == (two.planted, two.missing, two.damaged)
    assert one.planted or name in {"empty", "reftable"}


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_tokens_come_from_the_caller(name: str, tmp_path: Path) -> None:
    """Another factory plants other tokens at the same paths."""
    other = BUILDERS[name](tmp_path / "repo", lambda n: b"OTHER%03d" % n)
    assert all(item.token.startswith(b"OTHER") for item in other.planted)
    assert len({item.token for item in other.planted}) == len(other.planted)


@pytest.mark.parametrize("name", ["alternates", "unreachable", "mixed"])
def test_hidden_tokens_are_there_to_be_found_by_mistake(name: str, tmp_path: Path) -> None:
    """A token that must not be found is really on disk, and no planted one."""
    built = build(name, tmp_path)
    assert built.hidden
    assert not {item.token for item in built.planted} & set(built.hidden)
    if name != "mixed":  # There it is inside the pack, checked below.
        assert all(secret in every_byte(built.path) for secret in built.hidden)


@pytest.mark.parametrize("name", ["damaged", "damaged_history", "damaged_pack", "partial_clone"])
def test_missing_objects_are_missing(name: str, tmp_path: Path) -> None:
    """Every id that is said to be missing cannot be read; every planted blob can."""
    built = build(name, tmp_path)
    repo = open_any(built.path)
    assert built.missing
    assert all(hex_id not in repo for hex_id in built.missing)
    assert all(item.token in repo[item.blob].read_raw() for item in built.planted)


def test_damaged_objects_are_present_and_unreadable(tmp_path: Path) -> None:
    """The cut blob and the blob with another's content exist as files, and neither is a sound object."""
    built = build("damaged", tmp_path)
    objects = built.path / ".git" / "objects"
    assert len(built.damaged) == 2
    for hex_id in built.damaged:
        file = objects / hex_id[:2] / hex_id[2:]
        assert file.exists()
        assert read_loose(file) is None
    sound = built.planted[0].blob
    assert read_loose(objects / sound[:2] / sound[2:]) is not None


@pytest.mark.parametrize("name", ["reftable", "sha256"])
def test_refused_repositories_say_why(name: str, tmp_path: Path) -> None:
    """libgit2 refuses to open them with the text that the builder names; a release that opens them is news."""
    built = build(name, tmp_path)
    with pytest.raises((pygit2.GitError, ValueError)) as caught:
        open_any(built.path)
    assert built.refused in str(caught.value)


def test_partial_clone_needs_the_extension(tmp_path: Path) -> None:
    """Without `set_extensions` libgit2 refuses a partial clone; the oracle does not leave the setting behind."""
    built = build("partial_clone", tmp_path)
    before = list(pygit2.settings.extensions)  # other tests of this process may have opened one with the product
    pygit2.settings.set_extensions([name for name in before if name != "partialclone"])
    try:
        naive_findings(built.path, PLAIN_NEEDLE)
        with pytest.raises(pygit2.GitError, match=r"unsupported extension name extensions\.partialclone"):
            pygit2.Repository(str(built.path))
    finally:
        pygit2.settings.set_extensions(before)


def test_shallow_boundary(tmp_path: Path) -> None:
    """libgit2 knows the repository as shallow, the boundary's parent is absent, and no loss is expected."""
    built = build("shallow", tmp_path)
    repo = open_any(built.path)
    assert repo.is_shallow
    assert built.boundary
    assert all(hex_id not in repo for hex_id in built.boundary)
    assert not built.missing


def packs(built: BuiltRepo) -> list[dict[str, int]]:
    """Per pack: how many objects it holds and how many of them are deltas."""
    result = []
    for file in sorted((built.path / ".git" / "objects" / "pack").glob("*.pack")):
        with PackData(str(file), object_format=DEFAULT_OBJECT_FORMAT) as data:
            kinds = [entry.pack_type_num for entry in data.iter_unpacked()]
        result.append({"all": len(kinds), "deltas": sum(kind in DELTA_TYPES for kind in kinds)})
    return result


def test_packed_has_deltas_and_nothing_loose(tmp_path: Path) -> None:
    """The versions of the long file are stored as deltas."""
    built = build("packed", tmp_path)
    (pack,) = packs(built)
    assert pack["deltas"] >= 8
    assert RepoWriter(open_any(built.path)).loose_ids() == []


def test_two_packs_share_objects(tmp_path: Path) -> None:
    """Together the packs hold more objects than there are distinct ones."""
    built = build("two_packs", tmp_path)
    first, second = packs(built)
    distinct = len(set(open_any(built.path)))
    assert first["all"] + second["all"] > distinct
    assert RepoWriter(open_any(built.path)).loose_ids() == []


def test_mixed_has_packed_loose_and_both(tmp_path: Path) -> None:
    """Some objects are only packed, some only loose, some are both; the unreachable blob is in the pack."""
    built = build("mixed", tmp_path)
    (pack,) = packs(built)
    repo = open_any(built.path)
    everything, loose = set(map(str, repo)), set(RepoWriter(repo).loose_ids())
    assert everything - loose
    assert len(loose) + pack["all"] > len(everything)
    assert len(everything) > pack["all"]
    assert any(built.hidden[0] in repo[i].read_raw() for i in everything)


def test_linked_worktree_is_one(tmp_path: Path) -> None:
    """Its `.git` is a file, and its HEAD is its own branch."""
    built = build("linked_worktree", tmp_path)
    assert (built.path / ".git").is_file()
    assert (built.path / "b.ini").is_file()


def test_evil_merge_secret_is_in_no_parent(tmp_path: Path) -> None:
    """Neither side of the merge has a blob with a token."""
    built = build("evil_merge", tmp_path)
    repo = open_any(built.path)
    (merge,) = {item.commit for item in built.planted}
    parents = repo[merge].peel(pygit2.Commit).parents
    assert len(parents) == 2
    assert not any(b"GSPTOKEN" in entry.read_raw() for parent in parents for entry in parent.tree)


def test_octopus_has_four_parents(tmp_path: Path) -> None:
    """HEAD is a merge of four."""
    assert len(open_any(build("octopus", tmp_path).path).head.peel(pygit2.Commit).parents) == 4


@pytest.mark.parametrize("name", sorted(set(openable()) - {"dirty_worktree", "unborn_head", "damaged"}))
def test_working_trees_are_clean(name: str, tmp_path: Path) -> None:
    """A scan of files and history at once has nothing more to find than the history."""
    repo = open_any(build(name, tmp_path).path)
    if not repo.is_bare:
        assert {path: flags for path, flags in repo.status().items() if flags != FileStatus.CURRENT} == {}


def test_dirty_worktree_states(tmp_path: Path) -> None:
    """Git sees each file in the state that the builder says."""
    built = build("dirty_worktree", tmp_path)
    states = {path.encode(): flags for path, flags in open_any(built.path).status(ignored=True).items()}

    def having(*wanted: FileStatus) -> list[bytes]:
        return sorted(path for path, flags in states.items() if any(flags & flag for flag in wanted))

    assert having(FileStatus.WT_MODIFIED) == [item.path for item in built.modified]
    assert having(FileStatus.WT_NEW) == [item.path for item in built.untracked]
    assert having(FileStatus.INDEX_MODIFIED, FileStatus.INDEX_NEW) == [item.path for item in built.staged]
    assert having(FileStatus.WT_DELETED) == [b"deleted.ini"]
    assert having(FileStatus.IGNORED) == [b"build/", b"excluded.ini", b"sub/local.ini", b"trace.log"]
    for item in (*built.modified, *built.untracked, *built.ignored):
        assert item.token in (built.path / item.path.decode()).read_bytes()


def test_odd_names_are_on_disk(tmp_path: Path) -> None:
    """Names of any bytes survive the way to the working tree."""
    built = build("odd_names", tmp_path)
    names = {bytes(p.relative_to(built.path)) for p in built.path.rglob("*") if p.is_file() and ".git" not in p.parts}
    assert names == {item.path for item in built.planted}


def test_oracle_misses_nothing_silently(tmp_path: Path) -> None:
    """The oracle itself can fail: with a needle for one token it returns that blob only."""
    built = build("linear", tmp_path)
    only = {t for t in built.triples() if t[1] == b"z/last.ini"}
    assert naive_findings(built.path, token(2)) == only
    assert only
