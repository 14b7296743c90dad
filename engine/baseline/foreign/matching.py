"""Claims of other scanners against what a scan of ours found: which secrets they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gossip.engine.baseline.foreign.claims import Claim, digest
from gossip.schemas.finding import Finding


@dataclass(frozen=True)
class Met:
    """A claim and the findings that it means; none, and why, where there is nothing that it can only mean."""

    claim: Claim
    findings: tuple[Finding, ...] = ()
    problem: str = ""


def match_claims(
    claims: Iterable[Claim],
    findings: Iterable[Finding],
    spellings: Callable[[Finding], Iterable[str]],
    hmac_key: bytes | None = None,
) -> list[Met]:
    """Each claim with what it means, in order.

    `findings` carry their secrets; `spellings` are the paths that another scanner may have called a finding's.
    """
    wanted = list(claims)
    found = list(findings)
    kinds = {kind for claim in wanted for kind, _ in claim.digests if kind != "hmac-sha256" or hmac_key is not None}
    by_content: dict[tuple[str, str] | bytes, list[Finding]] = {}
    by_place: dict[tuple[str, int], list[Finding]] = {}
    for finding in found:
        for path in set(spellings(finding)):
            by_place.setdefault((path, finding.line), []).append(finding)
        if finding.secret is not None:
            secret = finding.secret.encode("utf-8", "surrogateescape")
            by_content.setdefault(secret, []).append(finding)
            for kind in kinds:
                by_content.setdefault((kind, digest(kind, secret, hmac_key or b"")), []).append(finding)
    return [_met(claim, by_content, by_place, hmac_key) for claim in wanted]


def _met(
    claim: Claim,
    by_content: dict[tuple[str, str] | bytes, list[Finding]],
    by_place: dict[tuple[str, int], list[Finding]],
    hmac_key: bytes | None,
) -> Met:
    if claim.problem:
        return Met(claim, problem=claim.problem)
    for key in (*claim.digests, *claim.secrets):
        if key in by_content:
            return Met(claim, tuple(by_content[key]))
    if claim.by_place:
        at = [finding for finding in by_place.get((claim.path, claim.line), ()) if _in_commit(finding, claim)]
        # Two scanners may call the same rule by two names; where the name is there, it decides.
        named = [finding for finding in at if finding.rule_id == claim.rule] or at
        if len({finding.secret_hash for finding in named}) > 1:
            return Met(claim, problem="several secrets have stood there")
        if named:
            return Met(claim, tuple(named))
    if not (claim.by_content or claim.by_place):
        return Met(claim, problem="it names neither a secret nor a line")
    if hmac_key is None and any(kind == "hmac-sha256" for kind, _ in claim.digests):
        return Met(claim, problem="its key is needed")
    return Met(claim, problem="nothing found matches it")


def _in_commit(finding: Finding, claim: Claim) -> bool:
    return not claim.commit or finding.commit == claim.commit
