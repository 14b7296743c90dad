"""What is learnt while rule files are read, beside the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gossip.schemas.errors import MisuseError

T = TypeVar("T")


@dataclass
class Loading:
    """One reading of a rule file and of what it extends."""

    known: set[str] = field(default_factory=set)
    """Ids of all rules, disabled ones too."""
    left_out: frozenset[str] = frozenset()
    """Ids of rules that need not be understood, because they are disabled."""
    problems: list[str] | None = None
    """Where it is a list, what is wrong with a rule is added to it and the rule is left out; else it is raised."""
    notes: list[str] = field(default_factory=list)
    """What of a rule of another tool has no counterpart here and changes nothing."""

    def refuse(self, err: MisuseError) -> None:
        """Raise, or remember."""
        if self.problems is None:
            raise err
        self.problems.append(str(err))

    def each(self, read: Callable[..., T], items: Iterable[tuple[Any, ...]]) -> list[T]:
        """What `read` makes of the items, each of which begins with an entry, less those that are refused."""
        found = []
        for item in items:
            try:
                found.append(read(*item))
            except MisuseError as err:
                if item[0].get("id") in self.left_out:
                    self.known.add(item[0]["id"])
                else:
                    self.refuse(err)
        return found
