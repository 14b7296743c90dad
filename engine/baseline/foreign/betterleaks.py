"""betterleaks 2: digests of secrets, as lines (`.betterleaksignore`) or in JSON and JSON Lines reports.

A line is the SHA-256 of the secret in 64 hex digits, or `hmac-sha256:` and the HMAC under a key of the user's. Lines of
version 1 are fingerprints as gitleaks has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gossip.engine.baseline.foreign.claims import Claim, mapping_of, number_of, place_of, plain_path, text_of

REASON = "left out for betterleaks"
_DIGEST = re.compile(r"(?:(?P<kind>hmac-sha256|sha256):)?(?P<hex>[0-9a-f]{64})", re.IGNORECASE)


def digest_line(text: str) -> Claim | None:
    """The claim of a line with a digest; None for a text that is none."""
    found = _DIGEST.fullmatch(text)
    if found is None:
        return None
    kind, digits = (found["kind"] or "sha256").lower(), found["hex"].lower()
    return Claim(f"{kind} {digits[:12]}...", REASON, digests=((kind, digits),))


def findings(records: Iterator[object]) -> Iterator[Claim]:
    """Claims of findings as reports hold them."""
    for item in records:
        record = mapping_of(item)
        match, location = mapping_of(record.get("match")), mapping_of(record.get("location"))
        attributes = mapping_of(record.get("attributes"))
        path, line = plain_path(text_of(location.get("path"))), number_of(location.get("start_line"))
        commit, rule = text_of(attributes.get("git.sha")), text_of(record.get("rule_id"))
        known = digest_line(text_of(match.get("fingerprint")))
        yield Claim(
            f"{place_of(path, line, commit)} {rule}",
            REASON,
            digests=known.digests if known is not None else (),
            path=path,
            line=line,
            commit=commit,
            rule=rule,
        )
