"""Repositories with odd shapes of history: merges, tags of anything, refs anywhere, detached and unborn HEADs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pygit2

from tests.support.repo_base import EPOCH, BuiltRepo, Files, Link, RepoWriter, Submodule, TokenFactory, body

if TYPE_CHECKING:
    from pathlib import Path

MAIN = "refs/heads/main"
README = b"# demo\n"


def linear(path: Path, token: TokenFactory) -> BuiltRepo:
    """Edits, a rename, a copy, a deletion and a revert on one branch.

    The renamed, copied and reverted blobs are old ones: each is found once, where it first appeared.
    """
    w = RepoWriter.create(path)
    a, b, c, d = (token(n) for n in range(4))
    base: Files = {b"README.md": README, b"app/config.ini": body(a), b"app/main.py": b"print('hello')\n"}
    first = w.commit(base, ref=MAIN)
    second = w.commit({**base, b"app/config.ini": body(b), b"z/last.ini": body(c)}, (first,), ref=MAIN)
    renamed: Files = {b"README.md": README, b"conf/config.ini": body(b), b"a/copy.ini": body(c)}
    third = w.commit(renamed, (second,), ref=MAIN)
    edited = body(b, "edited on move") + body(d)
    fourth = w.commit({**renamed, b"conf/config.ini": edited}, (third,), ref=MAIN)
    w.commit({**renamed, b"conf/config.ini": body(a)}, (fourth,), ref=MAIN)
    w.expect(a, b"app/config.ini", first)
    w.expect(b, b"app/config.ini", second)
    w.expect(c, b"z/last.ini", second)
    w.expect(d, b"conf/config.ini", fourth, edited)
    w.checkout()
    return w.built()


def evil_merge(path: Path, token: TokenFactory) -> BuiltRepo:
    """Both sides change a line; only the resolution of the conflict holds the secret, and no parent does."""
    w = RepoWriter.create(path)
    base = w.commit({b"settings.ini": b"key = old\n"}, ref=MAIN)
    ours = w.commit({b"settings.ini": b"key = ours\n"}, (base,), ref=MAIN)
    theirs = w.commit({b"settings.ini": b"key = theirs\n"}, (base,))
    merge = w.commit({b"settings.ini": body(token(0)), b"new.ini": body(token(1))}, (ours, theirs), ref=MAIN)
    w.commit({b"settings.ini": b"key = none\n"}, (merge,), ref=MAIN)
    w.expect(token(0), b"settings.ini", merge)
    w.expect(token(1), b"new.ini", merge)
    w.checkout()
    return w.built()


def octopus(path: Path, token: TokenFactory) -> BuiltRepo:
    """A merge of four parents: a secret on each branch and one in the merge itself."""
    w = RepoWriter.create(path)
    base = w.commit({b"README.md": README}, ref=MAIN)
    files: dict[bytes, bytes] = {b"README.md": README}
    parents = []
    for n in range(4):
        name = b"branch%d.ini" % n
        files[name] = body(token(n))
        parents.append(w.commit({b"README.md": README, name: body(token(n))}, (base,)))
        w.expect(token(n), name, parents[-1])
    merge = w.commit({**files, b"merge.ini": body(token(4))}, tuple(parents), ref=MAIN)
    w.expect(token(4), b"merge.ini", merge)
    w.checkout()
    return w.built()


def skewed_clock(path: Path, token: TokenFactory) -> BuiltRepo:
    """Children older than their parents, and equal times on two branches that add the same blob: the lower id wins."""
    w = RepoWriter.create(path)
    base = w.commit({b"README.md": README}, ref=MAIN, when=EPOCH)
    child = w.commit({b"README.md": README, b"first.ini": body(token(0))}, (base,), ref=MAIN, when=EPOCH - 86_400)
    sides = {}
    for name in (b"left.ini", b"right.ini"):
        sides[w.commit({b"README.md": README, name: body(token(1))}, (base,), when=EPOCH + 60)] = name
    grand = w.commit({b"moved.ini": body(token(0)), b"x.ini": body(token(2))}, (child,), ref=MAIN, when=EPOCH - 172_800)
    merge = w.commit({b"x.ini": body(token(2))}, (grand, *sorted(sides)), ref=MAIN, when=EPOCH - 3600)
    low = min(sides)
    w.expect(token(0), b"first.ini", child)
    w.expect(token(1), sides[low], low)
    w.expect(token(2), b"x.ini", grand)
    w.ref("refs/heads/also", merge)
    w.checkout()
    return w.built()


def submodule(path: Path, token: TokenFactory) -> BuiltRepo:
    """A gitlink to a commit that is nowhere here (no loss: it belongs elsewhere), and a secret in `.gitmodules`."""
    w = RepoWriter.create(path)
    modules = b'[submodule "lib"]\n\tpath = vendor/lib\n\turl = https://user:' + token(0) + b"@example.com/lib.git\n"
    link = Submodule("5ca1ab1e" * 5)
    files: Files = {b".gitmodules": modules, b"vendor/lib": link, b"vendor/note.ini": body(token(1))}
    commit = w.commit(files, ref=MAIN)
    w.expect(token(0), b".gitmodules", commit, modules)
    w.expect(token(1), b"vendor/note.ini", commit)
    w.checkout()
    return w.built()


def symlink(path: Path, token: TokenFactory) -> BuiltRepo:
    """A symbolic link whose target text holds a secret: in Git it is a blob. Others point outside and at a folder."""
    w = RepoWriter.create(path)
    target = b"store/" + token(0)
    files: Files = {
        b"link": Link(target),
        b"outside": Link(b"../../outside-of-the-repository"),
        b"loop": Link(b"."),
        b"dir/real.ini": body(token(1)),
    }
    commit = w.commit(files, ref=MAIN)
    w.expect(token(0), b"link", commit, target)
    w.expect(token(1), b"dir/real.ini", commit)
    w.checkout()
    return w.built()


def tags(path: Path, token: TokenFactory) -> BuiltRepo:
    """What only a tag keeps alive: a commit behind a tag of a tag, a tree and a blob, annotated and plain."""
    w = RepoWriter.create(path)
    base = w.commit({b"README.md": README}, ref=MAIN)
    aside = w.commit({b"README.md": README, b"tagged.ini": body(token(0))}, (base,))
    w.ref("refs/tags/v1-signed", w.tag(w.tag(aside, "commit", "v1"), "tag", "v1-signed"))
    tree = w.tree({b"README.md": README, b"deep/in/tree.ini": body(token(1))})
    w.ref("refs/tags/of-tree", w.tag(tree, "tree", "of-tree"))
    w.ref("refs/tags/of-blob", w.tag(w.blob(body(token(2))), "blob", "of-blob"))
    w.ref("refs/tags/plain-blob", w.blob(body(token(3))))
    w.ref("refs/tags/plain-tree", w.tree({b"plain.ini": body(token(4))}))
    w.expect(token(0), b"tagged.ini", aside)
    w.expect(token(1), b"deep/in/tree.ini", "")
    w.expect(token(2), b"", "")
    w.expect(token(3), b"", "")
    w.expect(token(4), b"plain.ini", "")
    w.checkout()
    return w.built()


def orphan(path: Path, token: TokenFactory) -> BuiltRepo:
    """Two branches without a common ancestor."""
    w = RepoWriter.create(path)
    for n, ref in enumerate((MAIN, "refs/heads/gh-pages")):
        name = b"root%d.ini" % n
        w.expect(token(n), name, w.commit({name: body(token(n))}, ref=ref))
    w.checkout()
    return w.built()


def detached_head(path: Path, token: TokenFactory) -> BuiltRepo:
    """HEAD names a commit directly; two commits are reachable from HEAD alone."""
    w = RepoWriter.create(path)
    first = w.commit({b"a.ini": body(token(0))}, ref=MAIN)
    second = w.commit({b"b.ini": body(token(1))}, (first,))
    third = w.commit({b"c.ini": body(token(2))}, (second,))
    w.repo.set_head(pygit2.Oid(hex=third))
    w.expect(token(0), b"a.ini", first)
    w.expect(token(1), b"b.ini", second)
    w.expect(token(2), b"c.ini", third)
    w.checkout()
    return w.built()


def odd_refs(path: Path, token: TokenFactory) -> BuiltRepo:
    """Commits that only refs outside heads and tags keep alive: notes, stash, pulls, remotes, a symbolic ref."""
    w = RepoWriter.create(path)
    base = w.commit({b"README.md": README}, ref=MAIN)
    refs = ("refs/notes/review", "refs/stash", "refs/pull/7/head", "refs/remotes/origin/old", "refs/x/deep/er")
    for n, ref in enumerate(refs):
        parents = () if n == 0 else (base,)
        name = b"only%d.ini" % n
        w.expect(token(n), name, w.commit({name: body(token(n))}, parents, ref=ref))
    w.repo.references.create("refs/remotes/origin/HEAD", "refs/remotes/origin/old")
    w.checkout()
    return w.built()


def empty(path: Path, token: TokenFactory) -> BuiltRepo:
    """No object, no ref: a scan is complete and clean."""
    return RepoWriter.create(path).built()


def unborn_head(path: Path, token: TokenFactory) -> BuiltRepo:
    """HEAD names a branch without commits, while another branch has some."""
    w = RepoWriter.create(path)
    commit = w.commit({b"other.ini": body(token(0))}, ref="refs/heads/other")
    w.expect(token(0), b"other.ini", commit)
    return w.built()


def unreachable(path: Path, token: TokenFactory) -> BuiltRepo:
    """A loose blob and a whole commit that no ref reaches: only their own ids lead to them. They must not be found."""
    w = RepoWriter.create(path)
    commit = w.commit({b"kept.ini": body(token(0))}, ref=MAIN)
    w.blob(body(token(1)))
    w.commit({b"amended.ini": body(token(2))}, (commit,))
    w.expect(token(0), b"kept.ini", commit)
    w.checkout()
    return w.built(hidden=(token(1), token(2)))
