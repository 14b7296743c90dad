"""`.gitignore` files of a tree, innermost last, as Git reads them."""

from __future__ import annotations

import re
from pathlib import Path

import pathspec


def _understood(line: str) -> bool:
    """Whether a line is a pattern, or none at all. Git passes over one that it cannot read and takes the next."""
    try:
        pathspec.GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


class IgnoreRules:
    """The ignore files that hold in one folder: its own and those of the folders above it."""

    def __init__(self, levels: tuple[tuple[bytes, pathspec.GitIgnoreSpec], ...] = ()) -> None:
        self._levels = levels

    def within(self, folder: bytes, prefix: bytes) -> IgnoreRules:
        """The rules that hold below `folder`, whose path in the tree is `prefix` (ends in a slash, or is empty)."""
        try:
            lines = (Path(folder.decode("utf-8", "surrogateescape")) / ".gitignore").read_bytes().splitlines()
        except OSError:
            return self
        texts = [line.decode("utf-8", "surrogateescape") for line in lines]
        spec = pathspec.GitIgnoreSpec.from_lines(line for line in texts if _understood(line))
        return IgnoreRules((*self._levels, (prefix, spec)))

    def ignored(self, path: bytes, *, is_folder: bool) -> bool:
        """Whether a path of the tree is ignored. The innermost file that says anything decides."""
        for prefix, spec in reversed(self._levels):
            rest = path[len(prefix) :].decode("utf-8", "surrogateescape")
            verdict = spec.check_file(rest + "/" if is_folder else rest).include
            if verdict is not None:
                return bool(verdict)
        return False
