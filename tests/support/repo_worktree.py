"""Repositories whose interest is on disk: modified, staged, untracked and ignored files, names of any bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support.repo_base import BuiltRepo, Planted, RepoWriter, TokenFactory, body, write_file
from tests.support.repo_history import MAIN, README

if TYPE_CHECKING:
    from pathlib import Path

ODD_NAMES = (
    b"-dash.ini",
    b"--staged",
    b"space in name.ini",
    b"new\nline.ini",
    b"tab\tname.ini",
    b"quote\"'`.ini",
    b"back\\slash.ini",
    b"latin-\xe9-\xff.ini",
    b"utf8-\xc3\xa9-\xe2\x82\xac.ini",
    b"nfd-e\xcc\x81.ini",
    b"ctrl-\x01\x1b[31m.ini",
    b"glob-*?[a].ini",
    b"#hash%41$HOME;&|.ini",
    b"folder \xfe/\xfd/inner.ini",
)
"""Names that break careless code: options, shells, terminals, UTF-8, quoting, globs, line-wise output."""


def odd_names(path: Path, token: TokenFactory) -> BuiltRepo:
    """One secret under each of the odd names."""
    w = RepoWriter.create(path)
    files = {name: body(token(n)) for n, name in enumerate(ODD_NAMES)}
    commit = w.commit(files, ref=MAIN)
    for n, name in enumerate(ODD_NAMES):
        w.expect(token(n), name, commit)
    w.checkout()
    return w.built()


def dirty_worktree(path: Path, token: TokenFactory) -> BuiltRepo:
    """Every state that a file of a working tree can be in, each with a secret of its own.

    `both.ini` is staged with one secret and modified on disk with another. `deleted.ini` is gone from disk, its secret
    is in the history. `same.ini` is untouched. `.gitignore`, a nested one and `.git/info/exclude` ignore files.
    """
    w = RepoWriter.create(path)
    tracked = {
        b".gitignore": b"*.log\nbuild/\n",
        b"sub/.gitignore": b"local.ini\n",
        b"same.ini": body(token(0)),
        b"deleted.ini": body(token(1)),
        b"modified.ini": b"key = none\n",
        b"both.ini": b"key = none\n",
        b"staged.ini": b"key = none\n",
        b"README.md": README,
    }
    commit = w.commit(tracked, ref=MAIN)
    w.expect(token(0), b"same.ini", commit)
    w.expect(token(1), b"deleted.ini", commit)
    w.checkout()
    (w.root / "deleted.ini").unlink()
    (w.git_dir / "info").mkdir(exist_ok=True)
    (w.git_dir / "info" / "exclude").write_text("excluded.ini\n")

    def put(names: list[bytes], first: int) -> tuple[Planted, ...]:
        """Write files with the tokens from `first` on and return what they plant."""
        items = []
        for n, name in enumerate(names, first):
            write_file(w.root, name, body(token(n)))
            items.append(Planted(name, w.id_of(body(token(n))), "", token(n)))
        return tuple(sorted(items))

    staged = put([b"staged.ini", b"both.ini", b"added.ini"], 10)
    for item in staged:
        w.repo.index.add(os.fsdecode(item.path))
    w.repo.index.write()
    modified = put([b"modified.ini", b"both.ini"], 20)
    untracked = put([b"untracked.ini", b"new/deep/untracked.ini", b".hidden.ini", b"sub/seen.ini"], 30)
    ignored = put([b"trace.log", b"build/out.ini", b"sub/local.ini", b"excluded.ini"], 40)
    return w.built(modified=modified, untracked=untracked, ignored=ignored, staged=staged)
