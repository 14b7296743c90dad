"""Repositories whose objects are stored in odd ways: packs, alternates, absent and damaged objects, other hashes."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

from tests.support.repo_base import EPOCH, BuiltRepo, Planted, RepoWriter, TokenFactory, body
from tests.support.repo_history import MAIN, README

if TYPE_CHECKING:
    from pathlib import Path


def bare(path: Path, token: TokenFactory) -> BuiltRepo:
    """A bare repository with two branches, their refs in `packed-refs` only."""
    w = RepoWriter.create(path, bare=True)
    first = w.commit({b"a.ini": body(token(0))}, ref=MAIN)
    side = w.commit({b"a.ini": body(token(0)), b"b.ini": body(token(1))}, (first,), ref="refs/heads/side")
    tag = w.tag(w.commit({b"c.ini": body(token(2))}, (first,)), "commit", "v1")
    w.ref("refs/tags/v1", tag)
    w.repo.compress_references()
    w.expect(token(0), b"a.ini", first)
    w.expect(token(1), b"b.ini", side)
    w.expect(token(2), b"c.ini", str(w.repo.references["refs/tags/v1"].peel().id))
    return w.built()


def linked_worktree(path: Path, token: TokenFactory) -> BuiltRepo:
    """A second working tree (its `.git` is a file) in `path`; the main repository stands beside it in `path`-main."""
    w = RepoWriter.create(path.with_name(path.name + "-main"))
    first = w.commit({b"a.ini": body(token(0))}, ref=MAIN)
    side = w.commit({b"a.ini": body(token(0)), b"b.ini": body(token(1))}, (first,), ref="refs/heads/side")
    w.checkout()
    w.repo.add_worktree(path.name, str(path), w.repo.references["refs/heads/side"])
    w.expect(token(0), b"a.ini", first)
    w.expect(token(1), b"b.ini", side)
    return w.built(path=path)


def alternates(path: Path, token: TokenFactory) -> BuiltRepo:
    """Most objects live in another repository, in `path`-store. That one's own refs are none of ours."""
    store = RepoWriter.create(path.with_name(path.name + "-store"), bare=True)
    first = store.commit({b"a.ini": body(token(0))}, ref=MAIN)
    store.commit({b"a.ini": body(token(0)), b"private.ini": body(token(2))}, (first,), ref=MAIN)
    w = RepoWriter.create(path)
    info = w.git_dir / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{store.git_dir / 'objects'}\n")
    w = w.reopen()  # libgit2 reads the alternates when it opens a repository.
    second = w.commit({b"a.ini": body(token(0)), b"b.ini": body(token(1))}, (first,), ref=MAIN)
    w.expect(token(0), b"a.ini", first)
    w.expect(token(1), b"b.ini", second)
    w.checkout()
    return w.built(hidden=(token(2),))


def shallow(path: Path, token: TokenFactory) -> BuiltRepo:
    """A clone of depth 2: what came before the boundary is absent, which is known and no loss."""
    w = RepoWriter.create(path)
    old = w.commit({b"a.ini": body(token(0))}, ref=MAIN)
    before = set(w.loose_ids())
    edge_files = {b"b.ini": body(token(1)), b"inherited.ini": body(token(2))}
    edge = w.commit(edge_files, (old,), ref=MAIN)
    tip = w.commit({**edge_files, b"c.ini": body(token(3))}, (edge,), ref=MAIN)
    w.drop_loose(sorted(before))
    (w.git_dir / "shallow").write_text(f"{edge}\n")
    for log in [path for path in (w.git_dir / "logs").rglob("*") if path.is_file()]:
        log.unlink()  # A clone's log does not know the commits that it did not get.
    w = w.reopen()
    w.expect(token(1), b"b.ini", edge)
    w.expect(token(2), b"inherited.ini", edge)
    w.expect(token(3), b"c.ini", tip)
    w.checkout()
    return w.built(boundary=(old,))


def damaged(path: Path, token: TokenFactory) -> BuiltRepo:
    """Loose objects: one blob and one subtree deleted, one blob cut short, one with the content of another.

    Beware: libgit2 1.9 never returns from reading the blob that is cut short, nor can a signal end the read.
    """
    w = RepoWriter.create(path)
    files = {b"kept.ini": body(token(0)), b"gone.ini": body(token(1)), b"sub/in.ini": body(token(2))}
    files |= {b"cut.ini": body(token(3)), b"false.ini": body(token(4))}
    first = w.commit(files, ref=MAIN)
    second = w.commit({b"later.ini": body(token(5))}, (first,), ref=MAIN)
    w.checkout()
    w.expect(token(0), b"kept.ini", first)
    w.expect(token(5), b"later.ini", second)
    blobs = {name: w.id_of(data) for name, data in files.items()}
    lost = (blobs[b"gone.ini"], w.tree({b"in.ini": body(token(2))}))
    for hex_id in lost:
        w.forget(hex_id)
    cut, false = w.loose(blobs[b"cut.ini"]), w.loose(blobs[b"false.ini"])
    _rewrite(cut, cut.read_bytes()[:-20])
    _rewrite(false, w.loose(w.blob(b"something else\n")).read_bytes())
    harmed = tuple(sorted((blobs[b"cut.ini"], blobs[b"false.ini"])))
    return w.built(missing=tuple(sorted(lost)), damaged=harmed, hidden=(token(1), token(2), token(3), token(4)))


def damaged_history(path: Path, token: TokenFactory) -> BuiltRepo:
    """A commit in the middle of the history is gone: what lies before it cannot be known, the rest is found."""
    w = RepoWriter.create(path)
    first = w.commit({b"a.ini": body(token(0))}, ref=MAIN)
    second = w.commit({b"b.ini": body(token(1))}, (first,), ref=MAIN)
    third = w.commit({b"c.ini": body(token(2))}, (second,), ref=MAIN)
    w.expect(token(2), b"c.ini", third)
    w.checkout()
    w.forget(second)
    return w.built(missing=(second,), hidden=(token(0), token(1)))


def _rewrite(file: Path, data: bytes) -> None:
    """Replace an object file, which Git makes read-only."""
    file.unlink()
    file.write_bytes(data)


def partial_clone(path: Path, token: TokenFactory) -> BuiltRepo:
    """A clone without the blobs of old commits: one promisor pack, and the extension that says so."""
    w = RepoWriter.create(path)
    old_files = {b"a.ini": body(token(0)), b"old/b.ini": body(token(1))}
    first = w.commit({**old_files, b"kept.ini": body(token(2))}, ref=MAIN)
    second = w.commit({b"kept.ini": body(token(2)), b"c.ini": body(token(3))}, (first,), ref=MAIN)
    lost = sorted(w.id_of(data) for data in old_files.values())
    w.expect(token(2), b"kept.ini", first)
    w.expect(token(3), b"c.ini", second)
    w.checkout()
    _only_pack(w, set(lost))
    for pack in (w.git_dir / "objects" / "pack").glob("*.pack"):
        pack.with_suffix(".promisor").write_text("")
    w.repo.config["remote.origin.url"] = "https://example.com/demo.git"
    w.repo.config["remote.origin.promisor"] = True
    w.repo.config["remote.origin.partialclonefilter"] = "blob:none"
    # libgit2 opens such a repository only after pygit2.settings.set_extensions(["partialclone"]).
    w.repo.config["core.repositoryformatversion"] = 1
    w.repo.config["extensions.partialclone"] = "origin"
    return w.built(missing=tuple(lost))


def damaged_pack(path: Path, token: TokenFactory) -> BuiltRepo:
    """The same absence without any promise: a pack that lacks two blobs, in a plain repository."""
    w = RepoWriter.create(path)
    files = {b"a.ini": body(token(0)), b"sub/b.ini": body(token(1)), b"kept.ini": body(token(2))}
    commit = w.commit(files, ref=MAIN)
    w.expect(token(2), b"kept.ini", commit)
    w.checkout()
    lost = sorted(w.id_of(files[name]) for name in (b"a.ini", b"sub/b.ini"))
    _only_pack(w, set(lost))
    return w.built(missing=tuple(lost))


def _only_pack(w: RepoWriter, without: set[str]) -> None:
    """Move all loose objects but some into one pack, and delete all loose ones."""
    ids = w.loose_ids()
    w.pack([hex_id for hex_id in ids if hex_id not in without])
    w.drop_loose(ids)


def _versions(w: RepoWriter, token: TokenFactory, count: int, start: int = 0, parent: tuple[str, ...] = ()) -> str:
    """Commits of one long file of which each version changes a few lines: good food for deltas. Returns the tip."""
    lines = [b"line %04d: nothing to see here, only filler\n" % n for n in range(200)]
    tip = parent
    for n in range(start, start + count):
        lines[(n * 37) % len(lines)] = b"key = '%s'\n" % token(n)
        if n > start:
            lines[((n - 1) * 37) % len(lines)] = b"line %04d: revoked\n" % n
        data = b"".join(lines)
        tip = (w.commit({b"README.md": README, b"long.txt": data}, tip, ref=MAIN),)
        w.expect(token(n), b"long.txt", tip[0], data)
    return tip[0]


def packed(path: Path, token: TokenFactory) -> BuiltRepo:
    """Everything in one pack; the versions of a long file are deltas of each other."""
    w = RepoWriter.create(path)
    _versions(w, token, 12)
    w.checkout()
    _only_pack(w, set())
    return w.built()


def two_packs(path: Path, token: TokenFactory) -> BuiltRepo:
    """Two packs that share most of their objects: each blob is found once."""
    w = RepoWriter.create(path)
    tip = _versions(w, token, 6)
    w.pack(w.loose_ids())
    _versions(w, token, 6, start=6, parent=(tip,))
    w.checkout()
    _only_pack(w, set())
    return w.built()


def mixed(path: Path, token: TokenFactory) -> BuiltRepo:
    """Old objects packed, some of them loose as well, newer ones loose only; an unreachable blob inside the pack."""
    w = RepoWriter.create(path)
    w.blob(body(token(99)))
    tip = _versions(w, token, 5)
    ids = w.loose_ids()
    w.pack(ids)
    w.drop_loose(ids[::2])
    _versions(w, token, 3, start=5, parent=(tip,))
    w.checkout()
    return w.built(hidden=(token(99),))


def sha256(path: Path, token: TokenFactory) -> BuiltRepo:
    """A valid SHA-256 repository of one commit, written without libgit2, which refuses to open it."""
    git = path / ".git"
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (git / folder).mkdir(parents=True)
    (git / "HEAD").write_text(f"ref: {MAIN}\n")
    (git / "config").write_text(
        "[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = false\n"
        "[extensions]\n\tobjectformat = sha256\n"
    )
    blob = _write_sha256(git, b"blob", body(token(0)))
    tree = _write_sha256(git, b"tree", b"100644 a.ini\0" + bytes.fromhex(blob))
    who = f"Ada Example <ada@example.com> {EPOCH} +0100"
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\nChange 1\n"
    commit = _write_sha256(git, b"commit", text.encode())
    (git / MAIN).write_text(f"{commit}\n")
    planted = (Planted(b"a.ini", blob, commit, token(0)),)
    return BuiltRepo(path, planted, refused="unknown object format 'sha256'")


def _write_sha256(git: Path, kind: bytes, data: bytes) -> str:
    """Write a loose object under its SHA-256 id."""
    raw = kind + b" %d\0" % len(data) + data
    hex_id = hashlib.sha256(raw).hexdigest()
    file = git / "objects" / hex_id[:2] / hex_id[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(raw))
    return hex_id


def reftable(path: Path, token: TokenFactory) -> BuiltRepo:
    """A repository that keeps its refs in reftable files, which libgit2 refuses to open. It holds no ref."""
    w = RepoWriter.create(path)
    w.commit({b"a.ini": body(token(0))})
    w.repo.config["core.repositoryformatversion"] = 1
    w.repo.config["extensions.refstorage"] = "reftable"
    git = w.git_dir
    (git / "HEAD").write_text("ref: refs/heads/.invalid\n")
    (git / "reftable").mkdir()
    (git / "reftable" / "tables.list").write_text("")
    return w.built(refused="unsupported extension name extensions.refstorage")
