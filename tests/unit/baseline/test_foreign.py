from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from gossip.engine.baseline.foreign.claims import Claim
from gossip.engine.baseline.foreign.matching import match_claims
from gossip.engine.baseline.foreign.reading import FORMATS, guess, read_claims
from gossip.schemas.errors import MisuseError
from gossip.schemas.finding import Finding
from tests.support.lake import digest, finding

COMMIT = digest("c")[:40]
SECRET = "s3cr" + "et-of-the-tests"
SHA1, SHA256 = (hashlib.new(kind, SECRET.encode()).hexdigest() for kind in ("sha1", "sha256"))
MAC = hmac.new(b"k", SECRET.encode(), "sha256").hexdigest()

IGNORE = f"""# a comment
{COMMIT}:src/a.py:github-pat:7

./docs/odd:name.md:generic-api-key:12
bundle.zip!inner/b.txt:token:3
nonsense
"""
GITLEAKS = [
    {"RuleID": "token", "File": "a.py", "StartLine": 3, "Commit": COMMIT, "Secret": SECRET},
    {"RuleID": "token", "File": "b.py", "StartLine": 4, "Commit": "", "Secret": "REDACTED"},
    {"RuleID": 5, "File": None, "StartLine": "x"},
    "odd",
]
DETECT = {
    "version": "1.5.0",
    "plugins_used": [],
    "results": {
        "a.py": [
            {"type": "Secret Keyword", "filename": "a.py", "hashed_secret": SHA1, "line_number": 3, "is_secret": False},
            {"type": "Secret Keyword", "hashed_secret": "short", "line_number": 4},
        ]
    },
}
KINGFISHER_2 = """version: 2
fingerprint_algorithm: kingfisher-v1
repositories:
- id: git://example.com/team/repo
  findings:
  - path: src/a.py
    fingerprint: '389162583612032034'
    rule_id: betterleaks.github-pat
    line: 7
    first_seen_at: 2026-08-11T17:17:42.123456Z
"""
KINGFISHER_1 = """ExactFindings:
  matches:
  - filepath: repo/src/a.py
    fingerprint: 056876f00ffd0622
    linenum: 52
    lastupdated: Mon, 14 Jul 2025 10:17:56 -0700
"""
TRUFFLEHOG = "\n".join(
    json.dumps(record)
    for record in (
        {"level": "info-0", "msg": "running source"},
        {
            "SourceMetadata": {"Data": {"Git": {"commit": COMMIT, "file": "a.py", "line": 3}}},
            "DetectorName": "Github",
            "Raw": SECRET,
            "RawV2": "",
        },
    )
)
BETTERLEAKS = {
    "schema_version": "1",
    "findings": [
        {
            "rule_id": "github-pat",
            "match": {"value": "REDACTED", "fingerprint": SHA256},
            "location": {"path": "r/a.env", "start_line": 2},
            "attributes": {"git.sha": COMMIT},
        }
    ],
    "scan": {"state": "complete"},
}
BETTERLEAKS_LINES = "\n".join(
    json.dumps({"schema_version": "1"} | record)
    for record in ({"finding": BETTERLEAKS["findings"][0]}, {"scan": {"state": "complete"}})  # type: ignore[index]
)


def test_fingerprints_of_gitleaks() -> None:
    """With and without commit; a path may hold colons; of a member of an archive the archive counts."""
    claims = read_claims(IGNORE, "f")
    assert [(c.commit, c.path, c.rule, c.line) for c in claims] == [
        (COMMIT, "src/a.py", "github-pat", 7),
        ("", "docs/odd:name.md", "generic-api-key", 12),
        ("", "bundle.zip", "token", 3),
        ("", "", "", 0),
    ]
    assert [c.problem for c in claims] == ["", "", "", "it is neither a fingerprint nor a digest"]
    assert claims[3].shown == "line 6"


def test_a_report_of_gitleaks() -> None:
    """A secret in clear is known by itself, one that was redacted by its place; what is odd is no error."""
    whole, redacted, *odd = read_claims(json.dumps(GITLEAKS), "f")
    assert (whole.secrets, whole.path, whole.line, whole.commit) == ((SECRET.encode(),), "a.py", 3, COMMIT)
    assert (redacted.by_content, redacted.by_place) == (False, True)
    assert [(one.by_content, one.by_place) for one in odd] == [(False, False)] * 2
    assert SECRET not in repr(whole)


def test_a_baseline_of_detect_secrets() -> None:
    """The SHA-1 counts and the line does not; what somebody said in an audit is in the reason."""
    known, broken = read_claims(json.dumps(DETECT), "f")
    assert (known.digests, known.by_place) == ((("sha1", SHA1),), False)
    assert known.reason == "left out for detect-secrets, audited: no secret"
    assert broken.problem == "it has no SHA-1 of the secret"


@pytest.mark.parametrize(
    ("text", "place"), [(KINGFISHER_2, ("src/a.py", 7, "github-pat")), (KINGFISHER_1, ("repo/src/a.py", 52, ""))]
)
def test_baselines_of_kingfisher(text: str, place: tuple[str, int, str]) -> None:
    """Both versions name places; the name of the rule set in front of a rule goes."""
    (claim,) = read_claims(text, "f")
    assert (claim.path, claim.line, claim.rule) == place


def test_output_of_trufflehog() -> None:
    """A finding is known by what it is and where it was; lines of the log are passed over."""
    (claim,) = read_claims(TRUFFLEHOG, "f")
    assert (claim.secrets, claim.path, claim.line, claim.commit) == ((SECRET.encode(),), "a.py", 3, COMMIT)


@pytest.mark.parametrize("text", [json.dumps(BETTERLEAKS), BETTERLEAKS_LINES, json.dumps(BETTERLEAKS, indent=1)])
def test_reports_of_betterleaks(text: str) -> None:
    """The digest is there though the secret was redacted."""
    (claim,) = read_claims(text, "f")
    assert (claim.digests, claim.path, claim.commit) == ((("sha256", SHA256),), "r/a.env", COMMIT)


def test_ignored_digests_of_betterleaks() -> None:
    """Plain digests, and those under a key."""
    claims = read_claims(f"{SHA256.upper()}\nhmac-sha256:{MAC}\n", "f", "betterleaks")
    assert [claim.digests for claim in claims] == [(("sha256", SHA256),), (("hmac-sha256", MAC),)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (IGNORE, "gitleaks"),
        (json.dumps(GITLEAKS), "gitleaks"),
        (json.dumps(DETECT, indent=2), "detect-secrets"),
        (KINGFISHER_1, "kingfisher"),
        (KINGFISHER_2, "kingfisher"),
        (TRUFFLEHOG, "trufflehog"),
        (json.dumps(BETTERLEAKS), "betterleaks"),
        (BETTERLEAKS_LINES, "betterleaks"),
        ("", "gitleaks"),
    ],
)
def test_whose_file_it_is(text: str, kind: str) -> None:
    """Told by what stands in it."""
    assert guess(text) == kind


@pytest.mark.parametrize("kind", sorted(FORMATS))
@pytest.mark.parametrize("text", ['{"x": ' + SECRET, "[1, {}, [", '{"results": 5}', "\x00{", "- a: [", "{" * 5000])
def test_files_that_are_something_else(text: str, kind: str) -> None:
    """A refusal says which file and which scanner, and nothing of what stands there; or lines are named as odd."""
    claims: list[Claim] = []
    refusal = f"f: cannot be read as {kind}"
    try:
        claims = read_claims(text, "f", kind)
    except MisuseError as err:
        refusal = str(err)
    assert refusal.startswith(f"f: cannot be read as {kind}")
    assert SECRET not in refusal
    assert all(claim.problem for claim in claims)


def test_an_unknown_kind() -> None:
    """Names those that are known."""
    with pytest.raises(MisuseError, match="choose one of betterleaks, detect-secrets"):
        read_claims("", "f", "other")


def found(number: int, secret: str = SECRET, **changes: object) -> Finding:
    """A finding with its secret at line 3 of `a.py`."""
    return replace(finding(number), secret=secret, secret_hash=digest(secret), path="a.py", line=3, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("claim", "problem"),
    [
        (Claim("c", digests=(("sha1", SHA1),)), ""),
        (Claim("c", digests=(("sha256", SHA256),)), ""),
        (Claim("c", digests=(("hmac-sha256", MAC),)), ""),
        (Claim("c", secrets=(b"x", SECRET.encode())), ""),
        (Claim("c", path="a.py", line=3), ""),
        (Claim("c", path="repo/a.py", line=3), ""),
        (Claim("c", path="a.py", line=3, rule="token"), ""),
        (Claim("c", path="a.py", line=3, rule="elsewhere"), ""),
        (Claim("c", path="a.py", line=3, commit=finding(1).commit), ""),
        (Claim("c", digests=(("sha1", SHA256[:40]),), path="a.py", line=3, commit=finding(1).commit), ""),
        (Claim("c", path="a.py", line=4), "nothing found matches it"),
        (Claim("c", path="a.py", line=3, commit=COMMIT), "nothing found matches it"),
        (Claim("c", digests=(("sha1", SHA256[:40]),), path="a.py", line=3), "nothing found matches it"),
        (Claim("c", path="a.py"), "it names neither a secret nor a line"),
        (Claim("c", problem="odd"), "odd"),
    ],
)
def test_what_a_claim_means(claim: Claim, problem: str) -> None:
    """By content anywhere; by place where nothing else is known, or where a commit keeps the place as it was."""
    (met,) = match_claims([claim], [found(1)], lambda one: (one.path, f"repo/{one.path}"), b"k")
    assert (met.problem, len(met.findings)) == (problem, int(not problem))


def test_a_digest_under_a_key_that_is_not_there() -> None:
    """It cannot be compared, and the answer says so."""
    (met,) = match_claims([Claim("c", digests=(("hmac-sha256", MAC),))], [found(1)], lambda one: (one.path,))
    assert met.problem == "its key is needed"


def test_a_place_where_two_secrets_stood() -> None:
    """The rule decides; without it nobody knows which one was meant, and neither is taken."""
    here = [found(1), found(2, "another-one", rule_id="other")]
    by_rule, by_line = match_claims(
        [Claim("c", path="a.py", line=3, rule="other"), Claim("c", path="a.py", line=3)], here, lambda one: (one.path,)
    )
    assert by_rule.findings == (here[1],)
    assert by_line.problem == "several secrets have stood there"
