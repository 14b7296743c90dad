from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gossip.engine.detect.detector import Detector
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.loader import load_file

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = r"""
# A configuration as people keep it for gitleaks, version 8.
title = "Acme gitleaks config"
description = "Rules of the Acme platform team"
minVersion = "v8.25.0"

[extend]
useDefault = true
disabledRules = ["generic-api-key"]

[[rules]]
id = "acme-deploy-token"
description = "Acme deploy token"
regex = '''(?i)\b(acme_(?:live|test)_[a-z0-9]{24})(?:[\x60'"\s;]|\\[nr]|$)'''
secretGroup = 1
entropy = 3
keywords = ["acme_live", "acme_test"]
tags = ["acme", "deploy"]

  [[rules.allowlists]]
  description = "documented samples"
  condition = "OR"
  commits = ["1234567890abcdef1234567890abcdef12345678"]
  paths = ['''(?:^|/)docs/''', '''\.md$''']
  stopwords = ["sample"]

  [[rules.allowlists]]
  condition = "AND"
  regexTarget = "line"
  regexes = ['''#\s*nonsecret''', '''//\s*nonsecret''']
  paths = ['''_test\.go$''']

[[rules]]
id = "acme-key-file"
description = "Acme key file"
path = '''(?i)\.acmekey$'''

[[rules]]
id = "acme-env"
description = "Acme password in an env file"
regex = '''ACME_PASSWORD=(?P<secret>\S{8,40})'''
path = '''(?:^|/)\.env(?:\.[a-z]+)?$'''
keywords = ["acme_password"]
  [rules.allowlist]
  regexTarget = "match"
  regexes = ['''=\$\{''', '''=changeme''']

[[rules]]
id = "acme-silent"
regex = '''acmeid-[0-9]{6}'''
keywords = ["acmeid"]
skipReport = true

[[allowlists]]
description = "vendored code and test data"
paths = ['''(?:^|/)vendor/''', '''(?:^|/)node_modules/''']
regexes = ['''^acme_test_0''']
regexTarget = "secret"

[[allowlists]]
targetRules = ["acme-env"]
stopwords = ["hunter2hunter2"]
"""

TOKEN = b"acme_live_" + b"k3j9x0q2m7v5b8n1c4z6w2e9"
"""A fake of the right shape."""


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    """The configuration, loaded and compiled."""
    path: Path = tmp_path_factory.mktemp("rules") / ".gitleaks.toml"
    path.write_text(CONFIG, "utf-8")
    rules = load_file(path)
    return Detector(rules, compile_rules(rules))


def found(detector: Detector, data: bytes, path: bytes, commit: str = "") -> list[tuple[str, bytes]]:
    """(rule, secret) of what a document at a path reports."""
    reported = [
        (detector.rule_set.rules[match.rule].id, match.secret)
        for match in detector.scan([data]).matches
        if not detector.place_rejects(match.rule, match.pending, path, commit)
    ]
    for rule, pending in detector.path_findings(path):
        if not detector.place_rejects(rule, pending, path, commit):
            reported.append((detector.rule_set.rules[rule].id, b""))
    return reported


IS_TOKEN = [("acme-deploy-token", TOKEN)]
PASSWORD = [("acme-env", b"pa55-w0rd-x")]


@pytest.mark.parametrize(
    ("data", "path", "wanted"),
    [
        (b"t = '" + TOKEN + b"'", b"src/a.py", IS_TOKEN),
        (b"t = " + TOKEN, b"src/a.py", IS_TOKEN),
        (b'{"t": "' + TOKEN + b'\\n"}', b"src/a.json", IS_TOKEN),
        (b"t = '" + TOKEN + b"0'", b"src/a.py", []),
        (b"t = 'acme_live_aaaaaaaaaaaaaaaaaaaaaaaa'", b"src/a.py", []),
        (b"t = '" + TOKEN[:14] + b"sample" + TOKEN[20:] + b"'", b"src/a.py", []),
        (b"t = '" + TOKEN + b"'", b"a/docs/x.py", []),
        (b"t = '" + TOKEN + b"'", b"README.md", []),
        (b"t = '" + TOKEN + b"'", b"vendor/x.py", []),
        (b"t = '" + TOKEN + b"' # nonsecret", b"src/a.py", IS_TOKEN),
        (b"t = '" + TOKEN + b"' # nonsecret", b"src/a_test.go", []),
        (b"t = '" + TOKEN + b"'\n# nonsecret", b"src/a_test.go", IS_TOKEN),
        (b"t = '" + TOKEN + b"' # gitleaks:allow", b"src/a.py", []),
        (b"t = 'acme_test_0" + TOKEN[11:] + b"'", b"src/a.py", []),
        (b"anything", b"keys/Prod.AcmeKey", [("acme-key-file", b"")]),
        (b"anything", b"vendor/Prod.AcmeKey", []),
        (b"ACME_PASSWORD=" + b"pa55-w0rd-x\n", b"deploy/.env.prod", PASSWORD),
        (b"ACME_PASSWORD=" + b"pa55-w0rd-x\n", b"deploy/env.txt", []),
        (b"ACME_PASSWORD=changeme-please\n", b".env", []),
        (b"ACME_PASSWORD=${VAULT_PASSWORD}\n", b".env", []),
        (b"ACME_PASSWORD=hunter2hunter2\n", b".env", []),
        (b"acmeid-123456", b"a", []),
    ],
)
def test_behaviour(detector: Detector, data: bytes, path: bytes, wanted: list[tuple[str, bytes]]) -> None:
    """What a user of gitleaks expects of this configuration."""
    assert [one for one in found(detector, data, path) if one[0].startswith("acme")] == wanted


@pytest.mark.parametrize(
    ("commit", "wanted"), [("1234567890abcdef1234567890abcdef12345678", []), ("2" * 40, IS_TOKEN), ("", IS_TOKEN)]
)
def test_allowed_commit(detector: Detector, commit: str, wanted: list[tuple[str, bytes]]) -> None:
    """A commit of the rule's allowlist, and others."""
    assert found(detector, b"t = '" + TOKEN + b"'", b"src/a.py", commit) == wanted


def test_extended_rules_are_there(detector: Detector) -> None:
    """The built-in ones, without the disabled one, and those of the file at the end."""
    ids = [rule.id for rule in detector.rule_set.rules]
    assert len(ids) > 100
    assert "generic-api-key" not in ids
    assert ids[-4:] == ["acme-deploy-token", "acme-key-file", "acme-env", "acme-silent"]
