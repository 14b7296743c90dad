from __future__ import annotations

import re
from pathlib import Path

import pytest

from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.loader import load_builtin, load_file
from gossip.engine.rules.model import Allowlist, Rule, RuleSet
from gossip.schemas.errors import MisuseError

RULE = '[[rules]]\nid = "r"\nregex = "abc"\n'


def write(folder: Path, text: str, name: str = "rules.toml") -> Path:
    """A rule file."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def load(folder: Path, text: str) -> RuleSet:
    """Load and compile a rule file."""
    found = load_file(write(folder, text))
    compile_rules(found)
    return found


def complaint(folder: Path, text: str) -> str:
    """What is said about a bad rule file: one line that names the file (left out here)."""
    with pytest.raises(MisuseError) as caught:
        load(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    path = str(folder / "rules.toml")
    assert path in message
    return message.replace(path, "FILE")


BAD: list[tuple[str, str]] = [
    ("", "rule file FILE: holds no rule"),
    ("title = 'nothing'\n", "rule file FILE: holds no rule"),
    ("[extend]\nuseDefault = false\n", "rule file FILE: holds no rule"),
    ("title = 5\n" + RULE, "FILE: key title: must be a string, not int"),
    ("description = []\n" + RULE, "FILE: key description: must be a string, not list"),
    ("minVersion = 8.25\n" + RULE, "FILE: key minVersion: must be a string, not float"),
    (RULE + "[[allowlists]]\nregexes = ['']\n", "FILE: allowlist 1: key regexes: holds an empty string"),
    (RULE + "[[rules.allowlists]]\npaths = ['a', '']\n", "allowlist 1: key paths: holds an empty string"),
    (
        RULE + "[[allowlists]]\nstopwords = ['a']\n[[allowlists]]\nstopwords = ['a']\ntargetRules = ['r', 'q']\n",
        "rule file FILE: global allowlist 2: key targetRules: no such rule: q",
    ),
    ("colour = 1\n", "FILE: key colour: unknown key"),
    (RULE + "colour = 1\n", "FILE: rule 'r': key colour: unknown key"),
    (RULE + "Regex = 'x'\n", "FILE: rule 'r': key Regex: unknown key"),
    ("[[rules]]\nregexp = 'x'\n", "FILE: rule number 1: key regexp: unknown key"),
    (RULE + "[[rules.allowlists]]\nstopword = ['x']\n", "FILE: rule 'r': allowlist 1: key stopword: unknown key"),
    (RULE + "[[rules.allowlists]]\nstopwords = ['x']\ntargetRules = ['r']\n", "allowlist 1: key targetRules: unknown"),
    ("[[allowlists]]\nfoo = 1\n", "FILE: allowlist 1: key foo: unknown key"),
    ("[allowlist]\nfoo = 1\n", "FILE: allowlist 1: key foo: unknown key"),
    ("[extend]\nurl = 'x'\n", "FILE: [extend]: key url: unknown key"),
    ("rules = 1\n", "FILE: key rules: must be tables"),
    ("rules = ['x']\n", "FILE: key rules: must be tables"),
    ("extend = true\n", "FILE: key extend: must be a table"),
    ("[extend]\nuseDefault = 1\n", "FILE: [extend]: key useDefault: must be true or false"),
    ("[extend]\npath = 1\n", "FILE: [extend]: key path: must be a string"),
    ("[extend]\ndisabledRules = 'r'\n", "FILE: [extend]: key disabledRules: must be a list of strings"),
    ("[[rules]]\nid = 7\nregex = 'x'\n", "FILE: rule number 1: key id: must be a string"),
    ("[[rules]]\nregex = 'x'\n", "FILE: rule number 1: key id: a rule needs a non-empty id"),
    ("[[rules]]\nid = ''\nregex = 'x'\n", "FILE: rule number 1: key id: a rule needs a non-empty id"),
    ("[[rules]]\nid = 'r'\n", "FILE: rule 'r': key regex: a rule needs a regex or a path"),
    ("[[rules]]\nid = 'r'\nregex = 1\n", "FILE: rule 'r': key regex: must be a string, not int"),
    (RULE + "keywords = 'abc'\n", "FILE: rule 'r': key keywords: must be a list of strings"),
    (RULE + "keywords = ['a', 1]\n", "FILE: rule 'r': key keywords: must be a list of strings"),
    (RULE + "keywords = ['']\n", "FILE: rule 'r': key keywords: holds an empty string"),
    (RULE + "entropy = 'high'\n", "FILE: rule 'r': key entropy: must be a number from 0.0 to 8.0"),
    (RULE + "entropy = 9\n", "FILE: rule 'r': key entropy: must be a number"),
    (RULE + "entropy = nan\n", "FILE: rule 'r': key entropy: must be a number"),
    (RULE + "entropy = true\n", "FILE: rule 'r': key entropy: must be a number"),
    (RULE + "secretGroup = 1.0\n", "FILE: rule 'r': key secretGroup: must be a whole number"),
    (RULE + "secretGroup = -1\n", "FILE: rule 'r': key secretGroup: must be a whole number"),
    (RULE + "secretGroup = true\n", "FILE: rule 'r': key secretGroup: must be a whole number"),
    (RULE + "secretGroup = 1\n", "FILE: rule 'r': key secretGroup: 1, but the regex has 0 groups"),
    (RULE + "confidence = 11\n", "FILE: rule 'r': key confidence: must be a whole number from 0 to 10"),
    (RULE + "severity = 'bad'\n", "FILE: rule 'r': key severity: must be one of low, medium, high, critical"),
    (RULE + "severity = []\n", "FILE: rule 'r': key severity: must be one of"),
    (RULE + "skipReport = 'no'\n", "FILE: rule 'r': key skipReport: must be true or false"),
    (RULE + "description = ['x']\n", "FILE: rule 'r': key description: must be a string"),
    (RULE + "[[rules.required]]\nid = 'x'\n", "FILE: rule 'r': component 'x': no such rule"),
    (RULE + "[[rules.required]]\nid = 'r'\n", "FILE: rule 'r': component 'r': must be another rule, with a regex"),
    (RULE + "[[rules.components]]\n", "FILE: rule 'r': components 1: key id: must name a rule"),
    (
        RULE + "entropyGate = {minLength = 9, maxLength = 8}\n",
        "FILE: rule 'r': entropyGate: key maxLength: 8 is less than minLength 9",
    ),
    (RULE + "context = {quoted = 1}\n", "FILE: rule 'r': context: key quoted: must be true or false"),
    (RULE + "minConfidence = 11\n", "FILE: rule 'r': key minConfidence: must be a whole number from 0 to 10"),
    (RULE + "validator = 7\n", "FILE: rule 'r': key validator: must be a name or a table"),
    (RULE + RULE, "FILE: rule 'r': the id is used twice"),
    ("[[rules]]\nid = 'r'\nregex = '('\n", "FILE: rule 'r': key regex: missing ): ("),
    ("[[rules]]\nid = 'r'\nregex = 'a(?=b)'\n", "FILE: rule 'r': key regex: invalid perl operator: (?="),
    ("[[rules]]\nid = 'r'\nregex = 'a*'\n", "FILE: rule 'r': key regex: matches the empty string"),
    ("[[rules]]\nid = 'r'\nregex = 'a|'\n", "FILE: rule 'r': key regex: matches the empty string"),
    ("[[rules]]\nid = 'r'\nregex = '\\b'\n", "FILE: rule 'r': key regex: matches the empty string"),
    (
        "[[rules]]\nid = 'r'\nregex = '\\p{Greek}'\n",
        "FILE: rule 'r': key regex: not understood: Unicode property Greek",
    ),
    ("[[rules]]\nid = 'r'\npath = '['\n", "FILE: rule 'r': key path: missing ]: ["),
    (RULE + "[[rules.allowlists]]\nregexes = ['a', '(']\n", "FILE: rule 'r': allowlist: key regexes: missing ): ("),
    (RULE + "[[rules.allowlists]]\npaths = ['*']\n", "FILE: rule 'r': allowlist: key paths: "),
    (RULE + "[[allowlists]]\nregexes = ['(']\n", "FILE: allowlist: key regexes: missing ): ("),
    (
        RULE + "[rules.allowlist]\ncondition = 'XOR'\nstopwords = ['a']\n",
        "allowlist 1: key condition: must be OR or AND",
    ),
    (RULE + "[rules.allowlist]\ncondition = 1\nstopwords = ['a']\n", "allowlist 1: key condition: must be a string"),
    (
        RULE + "[rules.allowlist]\nregexTarget = 'file'\nregexes = ['a']\n",
        "allowlist 1: key regexTarget: must be secret",
    ),
    (RULE + "[rules.allowlist]\nstopwords = ['']\n", "allowlist 1: key stopwords: holds an empty string"),
    (RULE + "[rules.allowlist]\ncommits = ['']\n", "allowlist 1: key commits: holds an empty string"),
    (RULE + "[rules.allowlist]\n", "allowlist 1: key regexes: an allowlist needs at least one of"),
    (
        RULE + "[rules.allowlist]\nstopwords=['a']\n[[rules.allowlists]]\nstopwords=['a']\n",
        "FILE: rule 'r': key allowlist: stands beside",
    ),
    ("rules = [\n", "rule file FILE: not TOML:"),
    (
        "[extend]\nuseDefault = true\ndisabledRules = ['no-such', 'jwt']\n",
        "[extend] disabledRules: no such rule: no-such",
    ),
    ("[extend]\ndisabledRules = ['r']\n" + RULE, "[extend] disabledRules: no such rule: r"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_file(tmp_path: Path, text: str, message: str) -> None:
    """The error names the file, the rule and the key."""
    assert message in complaint(tmp_path, text)


def test_allowlist_for_rules_of_other_files(tmp_path: Path) -> None:
    """An extended file may allow what a rule of another file finds, and a rule that is switched off stays known."""
    write(tmp_path, "[[allowlists]]\nstopwords = ['a']\ntargetRules = ['r', 's']\n", "shared.toml")
    second = RULE.replace('"r"', '"s"')
    write(tmp_path, "[extend]\npath = 'shared.toml'\n" + RULE + second, "both.toml")
    found = load(tmp_path, "[extend]\npath = 'both.toml'\ndisabledRules = ['s']\n")
    assert [rule.id for rule in found.rules] == ["r"]
    assert found.allowlists == (Allowlist(stopwords=("a",), target_rules=("r", "s")),)


def test_absent_and_unreadable_files(tmp_path: Path) -> None:
    """No such file, a folder, not UTF-8."""
    with pytest.raises(MisuseError, match="No such file"):
        load_file(tmp_path / "none.toml")
    with pytest.raises(MisuseError, match="Is a directory"):
        load_file(tmp_path)
    (tmp_path / "bad.toml").write_bytes(b'title = "\xff"\n')
    with pytest.raises(MisuseError, match="not UTF-8 at byte 9"):
        load_file(tmp_path / "bad.toml")


def test_group_name_outside_ascii(tmp_path: Path) -> None:
    """Loads, or is refused like any other regex that is not understood."""
    try:
        load(tmp_path, "[[rules]]\nid = 'r'\nregex = '(?P<n\u00e9>a)'\n")
    except MisuseError as err:
        assert "rule 'r': key regex" in str(err)  # noqa: PT017 - both are right


@pytest.mark.parametrize(("text", "condition"), [("", "OR"), ("or", "OR"), ("||", "OR"), ("and", "AND"), ("&&", "AND")])
def test_spellings_of_conditions(tmp_path: Path, text: str, condition: str) -> None:
    """Those that gitleaks knows."""
    found = load(tmp_path, RULE + f"[allowlist]\ncondition = '{text}'\nstopwords = ['a']\n")
    assert found.allowlists == (Allowlist(condition=condition, stopwords=("a",)),)  # type: ignore[arg-type]


BASE = """
[[rules]]
id = "a"
description = "base"
regex = '''aaa([0-9]+)'''
keywords = ["aaa"]
entropy = 1.0
confidence = 3
severity = "low"
tags = ["one"]
[[rules.allowlists]]
stopwords = ["x"]
[[rules]]
id = "b"
regex = '''bbb'''
[[allowlists]]
paths = ["base"]
"""


def extended(folder: Path, text: str) -> RuleSet:
    """A file that extends `BASE`."""
    write(folder, BASE, "base.toml")
    return load(folder, "[extend]\npath = 'base.toml'\n" + text)


def test_extend_adds_and_keeps_the_order(tmp_path: Path) -> None:
    """Inherited rules first, then new ones; global allowlists of both; the path is relative to the file."""
    found = extended(tmp_path, RULE + "[[allowlists]]\npaths = ['mine']\n")
    assert [rule.id for rule in found.rules] == ["a", "b", "r"]
    assert found.allowlists == (Allowlist(paths=("base",)), Allowlist(paths=("mine",)))


def test_extend_without_some_rules(tmp_path: Path) -> None:
    """Disabled rules are gone; the id may be used anew."""
    write(tmp_path, BASE, "base.toml")
    text = "[extend]\npath = 'base.toml'\ndisabledRules = ['a']\n"
    assert [rule.id for rule in load(tmp_path, text).rules] == ["b"]
    again = load(tmp_path, text + "[[rules]]\nid = 'a'\nregex = 'new'\n").rules
    assert {rule.id: rule for rule in again}["a"] == Rule("a", regex="new")


def test_override_changes_the_keys_that_it_has(tmp_path: Path) -> None:
    """And no others; keywords, tags and allowlists are added."""
    text = """
        [[rules]]
        id = "a"
        regex = '''aaa([0-9]{4})'''
        entropy = 2.0
        confidence = 9
        severity = "critical"
        keywords = ["more"]
        tags = ["two"]
        [[rules.allowlists]]
        stopwords = ["y"]
        """
    lists = (Allowlist(stopwords=("x",)), Allowlist(stopwords=("y",)))
    assert extended(tmp_path, text).rules[0] == Rule(
        "a",
        "base",
        "aaa([0-9]{4})",
        entropy=2.0,
        keywords=("aaa", "more"),
        tags=("one", "two"),
        severity="critical",
        confidence=9,
        allowlists=lists,
    )


def test_override_keeps_confidence_that_it_does_not_name(tmp_path: Path) -> None:
    """A default is not a value that somebody wrote."""
    rule = extended(tmp_path, "[[rules]]\nid = 'a'\nregex = 'aaa'\n").rules[0]
    assert (rule.confidence, rule.severity) == (3, "low")


def test_override_without_a_regex(tmp_path: Path) -> None:
    """Gitleaks' own example: only an allowlist is added to an inherited rule."""
    rule = extended(tmp_path, "[[rules]]\nid = 'a'\n[[rules.allowlists]]\nstopwords = ['y']\n").rules[0]
    assert rule.regex == "aaa([0-9]+)"
    assert rule.allowlists == (Allowlist(stopwords=("x",)), Allowlist(stopwords=("y",)))


def test_new_rule_without_a_regex_is_refused(tmp_path: Path) -> None:
    """Where nothing is inherited under its id."""
    with pytest.raises(MisuseError, match="rule 'c': key regex: a rule needs a regex or a path"):
        extended(tmp_path, "[[rules]]\nid = 'c'\nkeywords = ['x']\n")


def test_error_names_the_file_that_holds_the_bad_regex(tmp_path: Path) -> None:
    """Not the one that extends it."""
    write(tmp_path, "[[rules]]\nid = 'bad'\nregex = '('\n", "base.toml")
    with pytest.raises(MisuseError, match=re.escape(f"{tmp_path / 'base.toml'}: rule 'bad': key regex")):
        load(tmp_path, "[extend]\npath = 'base.toml'\n" + RULE)


def test_file_that_extends_itself(tmp_path: Path) -> None:
    """Directly or through another one: an error, no endless loop."""
    assert "does one extend itself?" in complaint(tmp_path, "[extend]\npath = 'rules.toml'\n" + RULE)
    write(tmp_path, "[extend]\npath = 'rules.toml'\n", "other.toml")
    with pytest.raises(MisuseError, match="does one extend itself"):
        load(tmp_path, "[extend]\npath = 'other.toml'\n")


def test_extend_with_the_built_in_rules(tmp_path: Path) -> None:
    """All of them, less the disabled ones, and their global allowlists."""
    found = load_file(write(tmp_path, "[extend]\nuseDefault = true\ndisabledRules = ['jwt']\n" + RULE))
    builtin = load_builtin()
    assert found.rules == (*(rule for rule in builtin.rules if rule.id != "jwt"), Rule("r", regex="abc"))
    assert found.allowlists == builtin.allowlists


def fingerprints_differ(one: Rule, other: Rule) -> bool:
    """Whether two rules have different policies."""
    return RuleSet((one,)).policy_hash != RuleSet((other,)).policy_hash


@pytest.mark.parametrize(
    "keys",
    [
        {"regex": "abd"},
        {"path": "x"},
        {"secret_group": 1},
        {"entropy": 0.0},
        {"keywords": ("k",)},
        {"allowlists": (Allowlist(stopwords=("x",)),)},
        {"skip_report": True},
        {"confidence": 6},
        {"tags": ("generic",)},
    ],
    ids=str,
)
def test_policy_changes_with_what_decides_results(keys: dict[str, object]) -> None:
    """The tag `generic` too: such a rule gives way to others."""
    assert fingerprints_differ(Rule("r", regex="abc"), Rule("r", **{"regex": "abc", **keys}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "keys",
    [{"description": "d"}, {"references": ("r",)}, {"examples": ("e",)}, {"counterexamples": ("c",)}, {"tags": ("a",)}],
    ids=str,
)
def test_policy_stays_with_what_is_for_people(keys: dict[str, object]) -> None:
    """A better description forces no rescan."""
    assert not fingerprints_differ(Rule("r", regex="abc"), Rule("r", regex="abc", **keys))  # type: ignore[arg-type]


def test_order_is_no_policy() -> None:
    """Of rules, keywords, allowlists and their entries."""
    one, two = Rule("a", regex="a"), Rule("b", regex="b", keywords=("x", "y"))
    assert RuleSet((one, two)).policy_hash == RuleSet((two, one)).policy_hash
    assert not fingerprints_differ(two, Rule("b", regex="b", keywords=("Y", "x")))
    lists = (Allowlist(stopwords=("a", "b")), Allowlist(paths=("p",)))
    turned = (Allowlist(paths=("p",)), Allowlist(stopwords=("b", "a")))
    assert not fingerprints_differ(Rule("r", allowlists=lists), Rule("r", allowlists=turned))
    assert RuleSet((one,), lists).digest == RuleSet((one,), turned).digest != RuleSet((one,)).digest
