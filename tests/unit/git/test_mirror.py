"""Mirrors of repositories on a server that fails in many ways."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from gossip.connectors.git import consolidate
from gossip.connectors.git import mirror as module
from gossip.connectors.git.mirror import DETACHED, Mirror, mirror_name
from gossip.connectors.git.refs import read_refs
from gossip.connectors.git.remote import FetchLimits, remote_tips
from gossip.connectors.git.selection import RefSelection
from gossip.connectors.git.store import ObjectStore
from gossip.connectors.git.urls import parse_remote
from gossip.schemas.errors import GossipError, MisuseError, PermanentError, RetryableError
from tests.support.gitserver import GitServer, Trouble
from tests.support.repo_base import RepoWriter

MAIN = "refs/heads/main"


@pytest.fixture
def origin(tmp_path: Path) -> RepoWriter:
    """A bare repository with one commit."""
    writer = RepoWriter.create(tmp_path / "served" / "app", bare=True)
    writer.commit({b"a.txt": b"one"}, ref=MAIN)
    return writer


@pytest.fixture
def server(tmp_path: Path, origin: RepoWriter, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    """Serves it; no login comes from the environment, and nobody waits."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    for name in [*os.environ]:
        if name.endswith("_TOKEN") or name == "PATH":
            monkeypatch.delenv(name)
    with GitServer(tmp_path / "served") as running:
        yield running


def mirror_of(server: GitServer, tmp_path: Path, *refs: str, login: str = "", **options: object) -> Mirror:
    """A mirror of the origin."""
    remote = parse_remote(server.url("app", login))
    return Mirror(remote, str(tmp_path / "mirrors"), RefSelection(refs), **options)  # type: ignore[arg-type]


def ids(path: str | Path) -> dict[str, str]:
    """Refs of a repository, less HEAD."""
    return {os.fsdecode(n): i.hex() for n, i in read_refs(os.fsencode(path)).ids.items() if n != b"HEAD"}


def git(writer: RepoWriter) -> pygit2.Repository:
    """The origin, for changes of refs."""
    return pygit2.Repository(str(writer.git_dir))


def test_only_what_changed_is_fetched(server: GitServer, origin: RepoWriter, tmp_path: Path) -> None:
    """Unchanged refs cost one listing; afterwards the mirror has the origin's refs, and the origin's identity."""
    mirror = mirror_of(server, tmp_path)
    assert not mirror.exists
    assert mirror.refresh()
    assert (mirror.exists, ids(mirror.path), server.packs) == (True, ids(origin.git_dir), 1)
    server.requests.clear()
    assert not mirror.refresh()
    assert server.requests == ["GET /app/info/refs"]
    tip = origin.commit({b"a.txt": b"two"}, (ids(origin.git_dir)[MAIN],), ref=MAIN)
    assert remote_tips(mirror.remote) == {"HEAD": tip, MAIN: tip}
    assert mirror.refresh()
    assert (ids(mirror.path), server.packs) == (ids(origin.git_dir), 1)
    assert pygit2.Repository(mirror.path).config["remote.origin.url"] == server.url("app")


def test_refs_go_move_and_trade_places(server: GitServer, origin: RepoWriter, tmp_path: Path) -> None:
    """Rewritten, deleted, a name that becomes a folder, a folder that becomes a name, tags that move."""
    root = ids(origin.git_dir)[MAIN]
    for name in ("refs/heads/a", "refs/heads/b/c", "refs/heads/gone", "refs/tags/v1"):
        origin.ref(name, root)
    mirror = mirror_of(server, tmp_path)
    mirror.refresh()
    refs = git(origin).references
    for name in ("refs/heads/a", "refs/heads/b/c", "refs/heads/gone", "refs/tags/v1", MAIN):
        refs.delete(name)
    other = origin.commit({b"b.txt": b"other"}, ref=MAIN)
    for name in ("refs/heads/a/b", "refs/heads/b", "refs/tags/v1"):
        origin.ref(name, other)
    assert mirror.refresh()
    assert (
        ids(mirror.path)
        == ids(origin.git_dir)
        == dict.fromkeys(["refs/heads/a/b", "refs/heads/b", MAIN, "refs/tags/v1"], other)
    )
    assert ObjectStore(Path(mirror.path) / "objects").has(bytes.fromhex(root))


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_head(server: GitServer, origin: RepoWriter, tmp_path: Path, scheme: str) -> None:
    """HEAD follows the origin's, to another branch and to a commit of no branch."""
    tip = origin.commit({b"b": b"2"}, ref="refs/heads/other")
    loose = origin.commit({b"c": b"3"})
    url = server.url("app") if scheme == "http" else f"file://{origin.git_dir}"
    mirror = Mirror(parse_remote(url), str(tmp_path / "mirrors"))
    mirror.refresh()
    git(origin).set_head("refs/heads/other")
    assert mirror.refresh()
    assert read_refs(os.fsencode(mirror.path)).head(b"") == bytes.fromhex(tip)
    assert not mirror.refresh()
    if scheme == "http":
        return  # libgit2 takes no list from the server of the tests whose HEAD is detached
    git(origin).set_head(pygit2.Oid(hex=loose))
    assert mirror.refresh()
    assert ids(mirror.path)[DETACHED] == loose
    assert read_refs(os.fsencode(mirror.path)).head(b"") == bytes.fromhex(loose)
    assert not mirror.refresh()


def test_selected_refs(server: GitServer, origin: RepoWriter, tmp_path: Path) -> None:
    """Proposals of others are fetched on demand; what is not selected any more leaves the mirror."""
    root = ids(origin.git_dir)[MAIN]
    pull = origin.commit({b"p": b"p"}, (root,), ref="refs/pull/1/head")
    side = origin.commit({b"s": b"s"}, (root,), ref="refs/heads/side")
    for patterns, wanted in (
        ((), {MAIN: root, "refs/heads/side": side}),
        (("side",), {"refs/heads/side": side}),
        (("refs/pull/*", "ma?n"), {MAIN: root, "refs/pull/1/head": pull}),
    ):
        mirror = mirror_of(server, tmp_path, *patterns)
        assert mirror.refresh()
        assert ids(mirror.path) == wanted
        assert not mirror.refresh()
    for wrong in ("none", "x*"):
        with pytest.raises(MisuseError, match="ref"):
            mirror_of(server, tmp_path, wrong).refresh()


def test_more_refs_than_are_named_one_by_one(
    server: GitServer, origin: RepoWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same refs in the end."""
    monkeypatch.setattr(module, "REFSPECS_MAX", 3)
    root = ids(origin.git_dir)[MAIN]
    for number in range(10):
        origin.ref(f"refs/heads/{'x' if number % 2 else 'y'}{number}", root)
    mirror = mirror_of(server, tmp_path, "x*")
    mirror.refresh()
    assert ids(mirror.path) == {f"refs/heads/x{number}": root for number in (1, 3, 5, 7, 9)}


@pytest.mark.parametrize("trouble", ["unavailable", "cut", "reset"])
def test_trouble_that_passes_and_trouble_that_stays(
    server: GitServer, origin: RepoWriter, tmp_path: Path, trouble: str
) -> None:
    """Tried again; where that does not help, the mirror stays as it was, and the next refresh gets all."""
    mirror = mirror_of(server, tmp_path)
    mirror.refresh()
    before = ids(mirror.path)
    tip = origin.commit({b"x": os.urandom(5000)}, (before[MAIN],), ref=MAIN)
    server.trouble = Trouble(**{trouble: 100})  # type: ignore[arg-type]
    with pytest.raises(RetryableError, match="/app: "):
        mirror.refresh()
    assert ids(mirror.path) == before
    server.trouble = Trouble(**{trouble: 2})  # type: ignore[arg-type]
    assert mirror.refresh()
    assert ids(mirror.path) == {MAIN: tip}
    left = [path.name for path in Path(mirror.path).rglob("*") if path.is_file()]
    assert not [name for name in left if "git2" in name or name.endswith(".lock") or name == "FETCH_HEAD"]


def test_limits_of_time(server: GitServer, origin: RepoWriter, tmp_path: Path) -> None:
    """A server that falls silent, a fetch that takes too long, one that is cancelled."""
    hold = threading.Event()
    server.trouble = Trouble(hold=hold)
    origin.commit({b"x": os.urandom(5000)}, (ids(origin.git_dir)[MAIN],), ref=MAIN)
    with pytest.raises(RetryableError):
        mirror_of(server, tmp_path, limits=FetchLimits(stall=0.2)).refresh()
    hold.set()
    server.trouble = Trouble()
    with pytest.raises(RetryableError, match="took over 0 s"):
        mirror_of(server, tmp_path, limits=FetchLimits(total=0.0)).refresh()
    with pytest.raises(RetryableError, match="cancelled"):
        mirror_of(server, tmp_path, cancelled=lambda: True).refresh()
    assert mirror_of(server, tmp_path).refresh()


def test_logins(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """From the URL, or a token of the environment; a refusal names where it was looked for, and no password."""
    server.trouble = Trouble(login=("ann", "right@word"))
    assert mirror_of(server, tmp_path, login="ann:right%40word").refresh()
    for login, told in (("", "asks for a login, and there is none"), ("ann:wrong-word", "refused (tried the URL)")):
        with pytest.raises(PermanentError) as caught:
            mirror_of(server, tmp_path, login=login).refresh()
        assert told in str(caught.value)
        assert "word" not in str(caught.value)
    server.trouble = Trouble(login=("x-access-token", "some-token"))
    monkeypatch.setenv("GOSSIP_GIT_TOKEN", "some-token")
    assert not mirror_of(server, tmp_path).refresh()
    assert not mirror_of(server, tmp_path, login="ann:wrong").refresh()
    held = [path for path in (tmp_path / "mirrors").rglob("*") if path.is_file() and b"word" in path.read_bytes()]
    assert held == []
    assert capfd.readouterr() == ("", "")


def test_a_login_stays_with_its_host(server: GitServer, tmp_path: Path) -> None:
    """Who is sent to another host does not take the login along."""
    with GitServer(tmp_path / "served", Trouble(login=("ann", "word"))) as other:
        server.trouble = Trouble(redirect=other.url("app/info/refs?service=git-upload-pack"))
        with pytest.raises(PermanentError, match="leads to another host"):
            mirror_of(server, tmp_path, login="ann:word").refresh()
        assert other.requests == []


@pytest.mark.parametrize(
    ("url", "kind", "told"),
    [
        ("{server}/none", PermanentError, "status code: 404; check the URL"),
        ("http://127.0.0.1:1/app", RetryableError, "Connection refused"),
        ("ssh://127.0.0.1:1/app", RetryableError, "Connection refused"),
        ("git://127.0.0.1:1/app", RetryableError, "Connection refused"),
        ("https://no-such-host.invalid/app", RetryableError, "check the name of the host"),
        ("file:///no/such/folder", PermanentError, "no repository is there"),
    ],
)
def test_errors(server: GitServer, tmp_path: Path, url: str, kind: type[GossipError], told: str) -> None:
    """Each has the class that says whether to try again, and names the URL."""
    remote = parse_remote(url.format(server=server.url("")[:-1]))
    with pytest.raises(kind) as caught:
        Mirror(remote, str(tmp_path / "mirrors")).refresh()
    assert str(caught.value).startswith(f"{remote.name}: ")
    assert told in str(caught.value)


def test_one_process_at_a_time(server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one waits, and gives up at last."""
    monkeypatch.setattr(module, "LOCK_WAIT_SECONDS", 0.1)
    mirror, other = mirror_of(server, tmp_path), mirror_of(server, tmp_path)
    with mirror._held(), pytest.raises(RetryableError, match="in use by another process"):
        other.refresh()
    assert other.refresh()


def test_leftovers_are_removed(server: GitServer, origin: RepoWriter, tmp_path: Path) -> None:
    """Of a fetch, and of the making of a mirror, that were killed."""
    mirror = mirror_of(server, tmp_path)
    (tmp_path / "mirrors" / f"{mirror_name(mirror.remote)}.making" / "objects").mkdir(parents=True)
    mirror.refresh()
    folder = Path(mirror.path)
    left = [folder / "objects" / "pack" / "pack_git2_0abc", folder / "objects" / "pack" / f"pack-{'0' * 40}.idx"]
    left += [folder / "refs" / "heads" / "main.lock", folder / "packed-refs.lock", folder / "FETCH_HEAD"]
    for path in left:
        path.write_bytes(b"half")
    origin.commit({b"a.txt": b"two"}, (ids(origin.git_dir)[MAIN],), ref=MAIN)
    assert mirror.refresh()
    assert [path for path in left if path.exists()] == []
    assert ids(folder) == ids(origin.git_dir)


def test_an_empty_repository(server: GitServer, tmp_path: Path) -> None:
    """Nothing to fetch, no error; nor with a selection."""
    RepoWriter.create(tmp_path / "served" / "empty", bare=True)
    remote = parse_remote(server.url("empty"))
    assert remote_tips(remote) == {}
    assert not Mirror(remote, str(tmp_path / "mirrors"), RefSelection(("main",))).refresh()


def test_packs_stay_few(server: GitServer, origin: RepoWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often something is fetched; every object stays readable, also for who opened the mirror before."""
    monkeypatch.setattr(consolidate, "PACKS_MAX", 4)
    mirror = mirror_of(server, tmp_path)
    mirror.refresh()
    early = ObjectStore(Path(mirror.path) / "objects")
    names = []
    for number in range(20):
        tip = origin.commit({b"n": b"%d" % number}, (ids(origin.git_dir)[MAIN],), ref=MAIN)
        names += [tip, origin.id_of(b"%d" % number)]
        assert mirror.refresh()
        assert len(list((Path(mirror.path) / "objects" / "pack").glob("*.pack"))) <= 5
    late = ObjectStore(Path(mirror.path) / "objects")
    assert (early.losses, late.losses) == ([], [])
    for store in (early, late):
        assert [store.read(bytes.fromhex(name))[0] for name in names] == [1, 3] * 20


def test_an_index_that_goes_before_its_pack(origin: RepoWriter, tmp_path: Path) -> None:
    """As Git removes packs: that is no damage."""
    origin.pack(origin.loose_ids())
    (pack,) = (origin.git_dir / "objects" / "pack").glob("*.pack")
    pack.with_suffix(".idx").unlink()
    threading.Timer(0.05, pack.unlink).start()
    assert ObjectStore(origin.git_dir / "objects").losses == []
