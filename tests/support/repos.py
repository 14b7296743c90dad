"""Small Git repositories of every shape, for tests. Made with pygit2 alone; no git binary is needed.

    built = BUILDERS["evil_merge"](tmp_path / "repo", plain_token)
    assert scan(built.path) == built.triples()

A builder is called with a folder that does not exist yet and a factory of fake secrets. Some builders put a second
folder beside it (`repo-main`, `repo-store`). Object ids are the same in every run. The fields of `BuiltRepo` say what
each kind of scan must find, must not find, and must report as lost. To add a shape, write a function in the module of
its kind and give it a row in `BUILDERS`: every test that runs over the table then covers it.
"""

from __future__ import annotations

from tests.support import repo_history, repo_storage, repo_worktree
from tests.support.oracle import naive_attribution, naive_findings, open_any
from tests.support.repo_base import Builder, BuiltRepo, Link, Planted, RepoWriter, Submodule, TokenFactory, body

__all__ = [
    "BUILDERS",
    "PLAIN_NEEDLE",
    "Builder",
    "BuiltRepo",
    "Link",
    "Planted",
    "RepoWriter",
    "Submodule",
    "TokenFactory",
    "body",
    "naive_attribution",
    "naive_findings",
    "open_any",
    "openable",
    "plain_token",
]

BUILDERS: dict[str, Builder] = {
    "alternates": repo_storage.alternates,
    "bare": repo_storage.bare,
    "damaged": repo_storage.damaged,
    "damaged_history": repo_storage.damaged_history,
    "damaged_pack": repo_storage.damaged_pack,
    "detached_head": repo_history.detached_head,
    "dirty_worktree": repo_worktree.dirty_worktree,
    "empty": repo_history.empty,
    "evil_merge": repo_history.evil_merge,
    "linear": repo_history.linear,
    "linked_worktree": repo_storage.linked_worktree,
    "mixed": repo_storage.mixed,
    "octopus": repo_history.octopus,
    "odd_names": repo_worktree.odd_names,
    "odd_refs": repo_history.odd_refs,
    "orphan": repo_history.orphan,
    "packed": repo_storage.packed,
    "partial_clone": repo_storage.partial_clone,
    "reftable": repo_storage.reftable,
    "sha256": repo_storage.sha256,
    "shallow": repo_storage.shallow,
    "skewed_clock": repo_history.skewed_clock,
    "submodule": repo_history.submodule,
    "symlink": repo_history.symlink,
    "tags": repo_history.tags,
    "two_packs": repo_storage.two_packs,
    "unborn_head": repo_history.unborn_head,
    "unreachable": repo_history.unreachable,
}
"""Every shape by name."""

PLAIN_NEEDLE = rb"GSPTOKEN[0-9]{6}Q"
"""Matches exactly the tokens of `plain_token`, for the oracle."""


def plain_token(n: int) -> bytes:
    """A fake secret that no rule knows, for tests of the repositories themselves."""
    return b"GSPTOKEN%06dQ" % n


def openable() -> list[str]:
    """Names of the shapes that libgit2 can open."""
    return sorted(set(BUILDERS) - {"reftable", "sha256"})
