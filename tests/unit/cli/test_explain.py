"""`gossip explain`: what each gate measured, the verdict of a scan, and never a secret."""

from __future__ import annotations

import base64
import gzip
import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from gossip.flows.explaining import place_of
from tests.support.cli import gossip
from tests.support.tokens import chars, github

if TYPE_CHECKING:
    from pathlib import Path

RULES = """
[[rules]]
id = "pat"
regex = '''ghp_[0-9A-Za-z]{36}'''
keywords = ["ghp_"]
entropy = 3.0
confidence = 7
validator = "github"

[[rules]]
id = "word"
regex = '''word = "([0-9a-z-]{6,40})"'''
keywords = ["word"]
confidence = 5
"""
TOKEN = github(Random(5)).decode()
TAIL = """
  passed    safelist: the match must not be documentation or noise
  passed    safelist-secret: the secret must not be a placeholder
  passed    uuid: the secret must not be a UUID
  passed    allowlist: no allowlist of the rule, and no global one, may name it
"""[1:]


@pytest.fixture
def rules(tmp_path: Path) -> str:
    """Two rules."""
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    return str(file)


def explained(place: str, rules: str) -> str:
    """The text for a place."""
    ran = gossip("explain", place, "--rules", rules)
    assert (ran.code, ran.err) == (0, b""), ran.err
    return ran.out.decode()


def test_a_finding_gate_by_gate(tmp_path: Path, rules: str) -> None:
    """Whole output: what was measured of each gate, and the verdict."""
    file = tmp_path / "a.py"
    file.write_text(f"first\nkey = {TOKEN}\n")
    assert explained(f"{file}:2", rules) == (
        f"{file}:2:7  pat  ghp_...(40)\n"
        "  passed    keyword: 'ghp_' in the match\n"
        "  passed    entropy: 4.73 bits a byte, at least 3\n" + TAIL + "  passed    inline-allow: no allow comment may "
        "be on its line\n"
        "  passed    validator: github: valid\n"
        "  passed    confidence: 10 of 10, at least 0\n"
        "  a finding, confidence 10 of 10\n\n"
    )
    assert explained(f"{file}:1", rules) == f"{file}:1  no rule's pattern matches here\n\n"


def test_what_is_rejected_says_by_which_gate(tmp_path: Path, rules: str) -> None:
    """The last gate of each is the one that rejected."""
    file = tmp_path / "a.txt"
    lines = [
        f"{TOKEN[:-1]}{'a' if TOKEN[-1] != 'a' else 'b'}",
        f"{TOKEN} # gossip:allow",
        "ghp_" + "a" * 36,
        'word = "changeme"',
        'word = "123e4567-e89b-12d3-a456-426614174000"',
        "a word, and nothing else",
    ]
    file.write_text("\n".join(lines))
    last = {
        number: [line for line in explained(f"{file}:{number}", rules).splitlines() if line][-2:]
        for number in range(1, 7)
    }
    assert last == {
        1: ["  rejected  validator: github: checksum or structure is wrong", "  no finding: validator"],
        2: ["  rejected  inline-allow: no allow comment may be on its line", "  no finding: inline-allow"],
        3: ["  rejected  entropy: 0.67 bits a byte, at least 3", "  no finding: entropy"],
        4: ["  rejected  safelist: the match must not be documentation or noise", "  no finding: safelist"],
        5: ["  rejected  uuid: the secret must not be a UUID", "  no finding: uuid"],
        6: [f"{file}:6  no rule's pattern matches here", "  keyword 'word' of word: looked at, no match"],
    }


def test_what_is_wrapped(tmp_path: Path, rules: str) -> None:
    """Encodings and archives are followed, and named."""
    file = tmp_path / "a.txt"
    file.write_text(f"x = {base64.b64encode(TOKEN.encode()).decode()}\n")
    assert explained(f"{file}:1", rules).splitlines()[:2] == [
        f"{file}:1:5  pat  ghp_...(40)",
        "  decoded       base64",
    ]
    packed = tmp_path / "b.txt.gz"
    packed.write_bytes(gzip.compress(TOKEN.encode()))
    (first, *_) = explained(str(packed), rules).splitlines()
    assert first.startswith(f"{packed}!")
    assert first.endswith(":1:1  pat  ghp_...(40)")


def records(file: Path, *options: str) -> list[dict[str, Any]]:
    """The candidates of a file under the built-in rules."""
    ran = gossip("explain", str(file), "--format", "jsonl", *options)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_the_verdicts_are_those_of_a_scan_and_no_secret_is_shown(tmp_path: Path) -> None:
    """Of many lines under the built-in rules: what has no rejecting gate is what a scan reports, at its confidence."""
    rng = Random(11)
    secrets = [github(rng).decode() for _ in range(4)] + [chars(rng, 20) for _ in range(12)]
    names = ("password", "token", "api_key", "checksum", "client_secret", "note")
    file = tmp_path / "many.py"
    lines = [f'{rng.choice(names)} = "{secret}"\n' for secret in secrets]
    file.write_text("".join([f"token = '{secrets[0]}'\n", *lines]))
    found = records(file)
    ran = gossip("scan", "-q", "--format", "jsonl", str(file))
    reported = {(f["rule_id"], f["start"], f["end"], f["confidence"]) for f in ran.findings}
    assert reported == {(r["rule"], r["start"], r["end"], r["confidence"]) for r in found if not r["rejected_by"]}
    assert {r["rejected_by"] for r in found} >= {"", "scorer", "shadowed"}
    text = gossip("explain", str(file)).out.decode() + json.dumps(found)
    assert [secret for secret in secrets if secret in text or secret[4:12] in text] == []
    for record in found:
        failed = [gate["name"] for gate in record["gates"] if not gate["passed"]]
        assert failed == ([record["rejected_by"]] if record["rejected_by"] else [])
        if record["scored"] and record["rejected_by"] != "scorer":
            assert record["scored"]["total"] >= record["scored"]["needed"]


@pytest.mark.parametrize("what", ["none.txt", "."])
def test_what_cannot_be_read(what: str, tmp_path: Path, rules: str) -> None:
    """One line, and exit code 2."""
    ran = gossip("explain", str(tmp_path / what), "--rules", rules)
    assert (ran.code, ran.out, len(ran.error_lines)) == (2, b"", 1)


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is called like a place is that file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd:3").write_text("")
    assert [place_of(text) for text in ("a.py", "a.py:3", "a.py:3:7", "odd:3", "odd:3:4")] == [
        ("a.py", None),
        ("a.py", 3),
        ("a.py", 3),
        ("odd:3", None),
        ("odd:3", 4),
    ]
