"""gitleaks: lines of fingerprints (`.gitleaksignore`), and JSON reports that were given as baselines.

A fingerprint is `commit:file:rule:line`, or `file:rule:line` for files and for every commit. Members of archives follow
their archive after `!`; Gossip names the archive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gossip.engine.baseline.foreign.claims import Claim, mapping_of, number_of, place_of, plain_path, text_of

REASON = "left out for gitleaks"
_REDACTED = "REDACTED"
_FINGERPRINT = re.compile(
    r"(?:(?P<commit>[0-9a-f]{40}|[0-9a-f]{64}):)?(?P<file>.+):(?P<rule>[^:]+):(?P<line>[0-9]{1,9})"
)


def fingerprint(text: str, reason: str = REASON) -> Claim | None:
    """The claim of a fingerprint; None for a text that is none."""
    found = _FINGERPRINT.fullmatch(text)
    if found is None:
        return None
    path, line, commit = plain_path(found["file"].partition("!")[0]), int(found["line"]), found["commit"] or ""
    shown = f"{place_of(path, line, commit)} {found['rule']}"
    return Claim(shown, reason, path=path, line=line, commit=commit, rule=found["rule"])


def report(data: object, reason: str = REASON) -> Iterator[Claim]:
    """Claims of a JSON report: an array of findings."""
    for item in data if isinstance(data, list) else []:
        record = mapping_of(item)
        path = plain_path(text_of(record.get("File")).partition("!")[0])
        line, commit = number_of(record.get("StartLine")), text_of(record.get("Commit"))
        rule, secret = text_of(record.get("RuleID")), text_of(record.get("Secret"))
        # A redacted secret ends in dots, or is the word; it says nothing.
        whole = secret and not secret.endswith((_REDACTED, "..."))
        yield Claim(
            f"{place_of(path, line, commit)} {rule}",
            reason,
            secrets=(secret.encode("utf-8", "surrogateescape"),) if whole else (),
            path=path,
            line=line,
            commit=commit,
            rule=rule,
        )
