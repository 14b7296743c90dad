"""Under which policy a target stands, given what the ledger says of it and the rules of this run.

Each change of rules opens a policy that builds on the last one under which the target was scanned completely: what its
unchanged rules had found then holds, and content that was done under it is looked at by the other rules only. Going
back to rules under which the target was complete goes back to their policy. All of it follows from rows of kind `rules`
and `head`, so every process of a run, and every run after a crash, comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from gossip.engine.identity import scan_policy
from gossip.engine.rules.delta import Sheet, names_of, read_sheet, to_run_again
from gossip.schemas.ledger import KIND_HEAD, KIND_RULES, LaneContext

if TYPE_CHECKING:
    from gossip.engine.rules.model import RuleSet

_NONE = "-"


@dataclass(frozen=True, slots=True)
class Running:
    """The rules of a run."""

    rules: RuleSet
    sheet: Sheet
    options: str
    """Digest of what else decides results. Results under other options are no base."""


class LedgerRow(NamedTuple):
    """What is read of a row. `moment` orders the rows of a target."""

    moment: tuple[int, int]
    policy: str
    unit: str
    kind: str
    status: str
    attempts: int
    version: str
    losses: list[str]
    findings: int


@dataclass(frozen=True, slots=True)
class Regime:
    """A policy that a target has, or had: the version of its `rules` row."""

    plain: str
    """Policy hash of its rules and options by themselves."""
    options: str
    base: str
    """The policy that it builds on; empty for none."""
    sheet: Sheet

    def text(self) -> str:
        """How it is written down."""
        return " ".join((self.plain, self.options, self.base or _NONE, self.sheet.text()))


def read_regime(text: str) -> Regime:
    """The inverse of `Regime.text`. Raises PermanentError."""
    plain, options, base, sheet = (*text.split(" ", 3), "", "", "")[:4]
    return Regime(plain, options, "" if base == _NONE else base, read_sheet(sheet))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a target stands in this run."""

    policy: str
    regimes: dict[str, Regime]
    """By policy; this one's too."""
    again: frozenset[int] = frozenset()
    """Rules of the run that look at what was done under the base."""
    opened: bool = True
    """Whether the ledger says so already."""
    settled: bool = True
    """Whether the target was complete under this policy once."""
    previous: str = ""
    """Id of the last unit of kind `rules`."""

    @property
    def base(self) -> str:
        """The policy that this one builds on; empty for none."""
        regime = self.regimes.get(self.policy)
        return regime.base if regime else ""

    def inherited(self, policy: str) -> Iterable[str]:
        """The policies under which what is done is done under this one too: no rule had to look again."""
        yield policy
        regime = self.regimes.get(policy)
        while regime is not None and regime.base and not regime.sheet.again:
            yield regime.base
            regime = self.regimes.get(regime.base)

    def holds(self, policy: str, fingerprint: str) -> bool:
        """Whether what a rule found under a policy holds where the target stands now."""
        at = self.policy
        while at != policy:
            regime = self.regimes.get(at)
            if regime is None or not regime.base or not regime.sheet.carries(fingerprint):
                return False
            at = regime.base
        return True

    def knows(self, fingerprint: str) -> bool:
        """Whether a rule is among those of this policy."""
        regime = self.regimes.get(self.policy)
        return regime is None or regime.sheet.has(fingerprint)


def standing(rows: Iterable[LedgerRow], context: LaneContext, running: Running | None) -> Standing:
    """Where a target stands, given its rows of kinds `rules` and `head` in any order; `running` None: rules of other
    policies are of no use. Raises PermanentError for rows that cannot be read.
    """
    ordered = sorted(row for row in rows if row.kind in (KIND_RULES, KIND_HEAD))
    opened = [row for row in ordered if row.kind == KIND_RULES]
    settled = {row.policy for row in ordered if row.kind == KIND_HEAD}
    if running is None:
        return Standing(context.policy_hash, {}, settled=context.policy_hash in settled)
    regimes = {row.policy: read_regime(row.version) for row in opened}
    last = opened[-1].policy if opened else ""
    order = list(dict.fromkeys(row.policy for row in reversed(opened)))
    complete = [policy for policy in order if policy in settled]
    plain = context.policy_hash
    same = [policy for policy in ([last] if last else []) + complete if regimes[policy].plain == plain]
    previous = opened[-1].unit if opened else ""
    if same:
        policy = same[0]
    else:
        policy, regimes[policy] = _built(plain, running, regimes, complete)
    again: frozenset[int] = frozenset()
    base = regimes[policy].base
    if base:
        again = to_run_again(regimes[base].sheet, running.sheet, running.rules) or frozenset()
    return Standing(policy, regimes, again, policy == last, policy in settled, previous)


def _built(plain: str, running: Running, regimes: dict[str, Regime], complete: list[str]) -> tuple[str, Regime]:
    """A policy on the last complete one of the same options, or one by itself."""
    base = next((policy for policy in complete if regimes[policy].options == running.options), "")
    again = to_run_again(regimes[base].sheet, running.sheet, running.rules) if base else None
    if again is None:
        return plain, Regime(plain, running.options, "", running.sheet)
    sheet = replace(running.sheet, again=names_of(running.rules, again))
    policy = scan_policy(bytes.fromhex(base), bytes.fromhex(plain)).hex()
    return policy, Regime(plain, running.options, base, sheet)
