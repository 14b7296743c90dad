"""`.gitignore` files of a tree, innermost last, as Git reads them."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Importing it takes a tenth of a small scan, and most scans ask for no such file.
    import pathspec
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_BACKEND = "simple"
"""The others take no names that are not UTF-8."""


class IgnoreRules:
    """The ignore files that hold in one folder: its own and those of the folders above it."""

    def __init__(self, levels: tuple[tuple[bytes, pathspec.GitIgnoreSpec], ...] = ()) -> None:
        self._levels = levels

    def within(self, folder: bytes, prefix: bytes) -> IgnoreRules:
        """The rules that hold below `folder`, whose path in the tree is `prefix` (ends in a slash, or is empty)."""
        import pathspec

        try:
            lines = (Path(folder.decode("utf-8", "surrogateescape")) / ".gitignore").read_bytes().splitlines()
        except OSError:
            return self
        patterns = [pattern for line in lines for pattern in _patterns(line.decode("utf-8", "surrogateescape"))]
        spec = pathspec.GitIgnoreSpec(patterns, backend=_BACKEND)
        return IgnoreRules((*self._levels, (prefix, spec)))

    def ignored(self, path: bytes, *, is_folder: bool) -> bool:
        """Whether a path of the tree is ignored. The innermost file that says anything decides."""
        for prefix, spec in reversed(self._levels):
            rest = path[len(prefix) :].decode("utf-8", "surrogateescape")
            verdict = spec.check_file(rest + "/" if is_folder else rest).include
            if verdict is not None:
                return bool(verdict)
        return False


def _patterns(line: str) -> list[GitIgnoreSpecPattern]:
    """The pattern of a line; none where it cannot be read: Git takes the next line then."""
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of `re`, about brackets within brackets
        try:
            return [GitIgnoreSpecPattern(line)] if line else []
        except (ValueError, re.error):
            return []
