"""Which refs of a repository are scanned: patterns that take some in and leave some out.

`*` stands for any characters, `/` too; `?` for one, `[...]` for one of some. A pattern that begins with neither `refs/`
nor `HEAD` is the short name of a branch, a tag or a remote-tracking branch.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property
from typing import TYPE_CHECKING

from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.schemas.units import Target

SHORT = ("refs/heads/", "refs/tags/", "refs/remotes/")
MIRRORED = ("refs/heads/", "refs/tags/", "refs/notes/")
"""What is fetched where nothing is selected. Others (`refs/pull/`, `refs/changes/`) hold what people who may write
nothing have proposed: as much again, and not the repository's own."""
OPTION, OPTION_EXCLUDED = "refs", "refs_excluded"
"""Options of a target: patterns with spaces between, which no name of a ref has."""

_GLOB = re.compile(r"[*?\[]")
_BAD = re.compile(r"[\x00-\x20\x7f~^:\\]")


@dataclass(frozen=True)
class RefSelection:
    """Patterns of refs. Without any, everything is selected."""

    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    _memo: dict[str, bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, target: Target) -> RefSelection:
        """The selection in a target's options."""
        return cls(tuple(target.option(OPTION).split()), tuple(target.option(OPTION_EXCLUDED).split()))

    @property
    def everything(self) -> bool:
        """Whether there is no pattern."""
        return not (self.included or self.excluded)

    def options(self) -> dict[str, str]:
        """As a target's options: the same for the same selection, in whatever order it was given."""
        named = {OPTION: self.included, OPTION_EXCLUDED: self.excluded}
        return {key: " ".join(sorted(set(patterns))) for key, patterns in named.items() if patterns}

    def check(self) -> None:
        """Raises MisuseError for what can be no pattern."""
        for pattern in (*self.included, *self.excluded):
            if not pattern or _BAD.search(pattern):
                raise MisuseError(
                    f"ref pattern {pattern!r}: no ref has such a name; give one as main, release/* or refs/pull/*"
                )

    @cached_property
    def _wanted(self) -> re.Pattern[str]:
        return _joined(self.included)

    @cached_property
    def _unwanted(self) -> re.Pattern[str]:
        return _joined(self.excluded)

    def selects(self, name: str | bytes) -> bool:
        """Whether a ref of this repository is to be scanned."""
        text = os.fsdecode(name)
        found = self._memo.get(text)
        if found is None:
            taken = not self.included or self._wanted.fullmatch(text) is not None
            found = self._memo[text] = taken and not (self.excluded and self._unwanted.fullmatch(text))
        return found

    def mirrors(self, name: str) -> bool:
        """Whether a ref of a remote repository is to be fetched."""
        if not self.included and name != "HEAD" and not name.startswith(MIRRORED):
            return False
        return self.selects(name)

    def verify(self, repository: str, names: Iterable[str | bytes]) -> None:
        """Raises MisuseError if a ref that is named in full, or every one, is missing: nothing is passed over silently.

        A repository without any ref is empty, and may be.
        """
        if self.everything:
            return
        known = [os.fsdecode(name) for name in names]
        if not known:
            return
        for pattern in self.included:
            if not _GLOB.search(pattern) and not any(map(_joined((pattern,)).fullmatch, known)):
                raise MisuseError(f"{repository}: has no ref {pattern}; `git ls-remote` lists what there is")
        if not any(self.selects(name) for name in known):
            raise MisuseError(f"{repository}: none of its {len(known)} refs is selected; check --branch and --ref")


def _joined(patterns: Iterable[str]) -> re.Pattern[str]:
    full: list[str] = []
    for pattern in patterns:
        whole = pattern.startswith("refs/") or pattern == "HEAD"
        full.extend([pattern] if whole else [prefix + pattern for prefix in SHORT])
    return re.compile("|".join(map(translate, full)))
