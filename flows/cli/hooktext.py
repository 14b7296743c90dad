"""What a hook says: which secrets, where, and what to do about each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.connectors.report.display import visible

if TYPE_CHECKING:
    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Summary

SECRETS_SHOWN_MAX = 50
PLACES_SHOWN_MAX = 3
LOSSES_SHOWN_MAX = 10

_WHAT = {"pre-commit": "what is staged", "pre-push": "what is pushed", "pre-receive": "this push"}
_REFUSED = {"pre-commit": "nothing was committed", "pre-push": "nothing was pushed", "pre-receive": "it was refused"}
_REMOVE = {
    "pre-commit": "take it out of the file, stage the file again, and revoke it if anybody else has seen it.",
    "pre-push": "revoke it, and take it out of these commits (git rebase -i): a later commit does not remove it.",
    "pre-receive": "revoke it, and take it out of these commits (git rebase -i): a later commit does not remove it.",
}
_PASS = {
    "pre-commit": "git commit --no-verify skips this check, and every other.",
    "pre-push": "git push --no-verify skips this check, and every other.",
    "pre-receive": "",
}


class HookReporter:
    """Collects findings, a secret once, in the order of the scan. A `Reporter`."""

    def __init__(self, kind: str, or_else: str = "") -> None:
        """`or_else`: another way to let a finding pass, after the comment on its line."""
        self._kind = kind
        self._or_else = or_else
        self._secrets: dict[str, list[Finding]] = {}

    def finding(self, finding: Finding, /) -> None:
        """Keep it with those of the same secret."""
        self._secrets.setdefault(finding.finding_id, []).append(finding)

    def close(self, summary: Summary) -> None:
        """Nothing is written: `text` is asked for."""

    def abort(self) -> None:
        """Nothing was written."""

    def text(self, summary: Summary, report_only: bool, *, accept_incomplete: bool) -> str:  # noqa: FBT001
        """Everything that is to be said, line ends included."""
        lines: list[str] = []
        incomplete = bool(summary.losses)
        refused = not report_only and (bool(self._secrets) or (incomplete and not accept_incomplete))
        if self._secrets:
            count = len(self._secrets)
            noun = "secret" if count == 1 else "secrets"
            lines.append(f"gossip: {count:,} {noun} in {_WHAT[self._kind]}{self._so(refused=refused)}")
            for findings in list(self._secrets.values())[:SECRETS_SHOWN_MAX]:
                lines += ["", *_block(findings)]
            if count > SECRETS_SHOWN_MAX:
                lines += ["", f"  and {count - SECRETS_SHOWN_MAX:,} more"]
        if incomplete:
            head = f"gossip: {_WHAT[self._kind]} could not be scanned in full"
            lines += [head + ("" if self._secrets else self._so(refused=refused)), *_losses(summary)]
        if self._secrets:
            lines += ["", *self._advice()]
        if not lines:
            return ""
        return "\n".join(lines) + "\n"

    def _so(self, *, refused: bool) -> str:
        return f"; {_REFUSED[self._kind]}" if refused else ""

    def _advice(self) -> list[str]:
        allow = "put a comment with gossip:allow on its line"
        found = ["If it is real: " + _REMOVE[self._kind], f"If it is not: {allow}{self._or_else}."]
        return [*found, _PASS[self._kind]] if _PASS[self._kind] else found


def _block(findings: list[Finding]) -> list[str]:
    """A secret and its first places."""
    first = findings[0]
    lines = [f"  {_place(first)}  {visible(first.rule_id)}, {first.level}  {visible(first.preview)}"]
    if first.commit:
        lines.append(f"    in commit {first.commit[:12]}, {visible(first.author)}, {visible(first.date[:10])}")
    lines += [f"    also {_place(other)}" for other in findings[1 : PLACES_SHOWN_MAX + 1]]
    if len(findings) > PLACES_SHOWN_MAX + 1:
        lines.append(f"    and in {len(findings) - PLACES_SHOWN_MAX - 1:,} more places")
    return lines


def _place(finding: Finding) -> str:
    members = "".join(f"!{member}" for member in finding.container_path)
    return f"{visible((finding.path or finding.shown_path) + members)}:{finding.line}:{finding.column}"


def _losses(summary: Summary) -> list[str]:
    named = summary.losses_named[:LOSSES_SHOWN_MAX]
    lines = [
        f"  {visible(f'{loss.kind}: {loss.where}' + (f': {loss.detail}' if loss.detail else ''))}" for loss in named
    ]
    total = sum(summary.losses.values())
    return [*lines, f"  and {total - len(named):,} more"] if total > len(named) else lines
