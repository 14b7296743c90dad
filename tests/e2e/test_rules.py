"""`gossip rules`, and choosing rules for a scan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.cli import TOKEN_RULES, gossip, scan
from tests.support.repos import plain_token

if TYPE_CHECKING:
    from pathlib import Path

KINGFISHER = r"""
rules:
  - name: Token of the tests
    id: tests.token.1
    pattern: |
      (?x)
      \b
      (
        GSPTOKEN  # its beginning
        [0-9]{6}Q
      )
      \b
    min_entropy: 1.0
    confidence: medium
    examples:
      - "GSPTOKEN481516Q"
"""
OTHER = """
[[rules]]
id = "other"
regex = '''nothing[0-9]{9}'''
"""


def test_the_built_in_rules() -> None:
    """Each has a line; one can be shown whole; a tag chooses some."""
    every = [json.loads(line) for line in gossip("rules", "list", "--json").out.splitlines()]
    assert len(every) > 500
    payments = [json.loads(line) for line in gossip("rules", "list", "--json", "--tag", "payments").out.splitlines()]
    assert [rule for rule in every if "payments" in rule["tags"]] == payments
    shown = json.loads(gossip("rules", "show", "stripe-secret-key").out)
    assert shown["regex"].startswith(r"\b(sk_")
    unknown = gossip("rules", "show", "nothing")
    assert (unknown.code, unknown.out, len(unknown.error_lines)) == (2, b"", 1)


def test_every_problem_of_a_file_is_named(tmp_path: Path) -> None:
    """Where a scan stops at the first."""
    bad = tmp_path / "bad.toml"
    bad.write_text('[[rules]]\nid = "a"\nregex = "("\n[[rules]]\nid = "b"\nregex = "x(?=y)"\n')
    ran = gossip("rules", "check", str(bad))
    assert ran.code == 2
    assert [line for line in ran.error_lines if "rule 'a'" in line or "rule 'b'" in line][1:] != []
    assert gossip("scan", "--rules", str(bad), str(tmp_path)).code == 2


def test_rules_of_another_scanner(tmp_path: Path) -> None:
    """Are found by what the file holds, whatever it is called."""
    (tmp_path / "rules.yml").write_text(KINGFISHER)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_bytes(plain_token(7))
    assert gossip("rules", "check", str(tmp_path / "rules.yml")).code == 0
    ran = scan("--rules", str(tmp_path / "rules.yml"), str(tmp_path / "tree"))
    assert [(found["rule_id"], found["line"]) for found in ran.findings] == [("tests.token.1", 1)]


def test_rules_are_chosen_by_id_and_tag(tmp_path: Path) -> None:
    """What is disabled finds nothing; a name that no rule has is misuse."""
    (tmp_path / "rules.toml").write_text(TOKEN_RULES.replace("confidence", 'tags = ["mine"]\nconfidence') + OTHER)
    (tmp_path / "a").write_bytes(plain_token(7))
    line = ("--rules", str(tmp_path / "rules.toml"), str(tmp_path / "a"))
    assert [found["rule_id"] for found in scan(*line).findings] == ["token"]
    for chosen in ("token", "tag:mine"):
        ran = scan("--disable-rule", chosen, *line)
        assert (ran.findings, ran.code) == ([], 0)
    wrong = scan("--enable-rule", "nothing", *line)
    assert (wrong.code, wrong.out, len(wrong.error_lines)) == (2, b"", 1)
