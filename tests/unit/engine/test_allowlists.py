from __future__ import annotations

import itertools

import pytest

from gossip.engine.rules.model import Allowlist, Rule
from tests.unit.engine.detecting import TOKEN, Seen, detector, seen, token_rule

FOUND = Seen((TOKEN,), {})
ALLOWED = Seen((), {"allowlist": 1})
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("target", "regex", "allowed"),
    [
        ("secret", "^tok_1234", True),
        ("secret", "key", False),
        ("match", "^key=tok", True),
        ("match", "tok_12345678$", True),
        ("match", "note", False),
        ("line", "# note$", True),
        ("line", "^a key", True),
        ("line", "above|below", False),
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_regex_target(target: str, regex: str, allowed: bool, shared: bool) -> None:
    """The secret, the whole match, or its line; in the rule's own list or in a global one."""
    allowlist = Allowlist(regexes=("never", regex), regex_target=target)  # type: ignore[arg-type]
    data = b"above\na key=" + TOKEN + b" # note\nbelow\n"
    rule = Rule("r", regex="key=(tok_[0-9]{8})", allowlists=() if shared else (allowlist,))
    assert seen(data, rule, allowlists=(allowlist,) if shared else ()) == (ALLOWED if allowed else FOUND)


@pytest.mark.parametrize(
    ("stopword", "allowed"), [("123", True), ("TOK", True), ("tok_12345678", True), ("124", False), ("key", False)]
)
def test_stopwords_are_sought_in_the_secret(stopword: str, allowed: bool) -> None:
    """Anywhere in it, whatever its case."""
    rule = Rule("r", regex="key=(tok_[0-9]{8})", allowlists=(Allowlist(stopwords=(stopword.lower(),)),))
    assert seen(b"key=" + TOKEN, rule) == (ALLOWED if allowed else FOUND)
    upper = Rule("r", regex="key=(TOK_[0-9]{8})", allowlists=rule.allowlists)
    assert bool(seen(b"key=" + TOKEN.upper(), upper).secrets) is not allowed


CHECKS = ("regexes", "stopwords", "paths", "commits")
HOLDS = {"regexes": ("^tok",), "stopwords": ("123",), "paths": (r"^test/",), "commits": (COMMIT[:7],)}
FAILS = {"regexes": ("^xxx",), "stopwords": ("xyz",), "paths": (r"^src/",), "commits": ("ffff",)}
STATES = [state for state in itertools.product((None, False, True), repeat=4) if any(one is not None for one in state)]


@pytest.mark.parametrize("condition", ["OR", "AND"])
@pytest.mark.parametrize("state", STATES, ids=str)
def test_every_combination_of_checks(condition: str, state: tuple[bool | None, ...]) -> None:
    """Each check absent, failing or holding: OR wants one that holds, AND all that are there."""
    keys = {
        name: (HOLDS if holds else FAILS)[name] for name, holds in zip(CHECKS, state, strict=True) if holds is not None
    }
    allowlist = Allowlist(condition=condition, **keys)  # type: ignore[arg-type]
    present = [holds for holds in state if holds is not None]
    used = detector(token_rule(allowlists=(allowlist,)))
    rejected = True
    for match in used.scan([TOKEN]).matches:
        rejected = used.place_rejects(match.rule, match.pending, b"test/a.py", COMMIT)
    assert rejected is (any(present) if condition == "OR" else all(present))
    assert dict(used.suppressed) == ({"allowlist": 1} if rejected else {})


def test_place_is_asked_only_where_it_matters() -> None:
    """What content has decided is not carried along."""
    lists = (
        Allowlist(regexes=("^no",)),
        Allowlist(paths=("^a",)),
        Allowlist(condition="AND", regexes=("^no",), paths=("^a",)),
        Allowlist(condition="AND", regexes=("^tok",), commits=("ab",)),
    )
    (match,) = detector(token_rule(allowlists=lists)).scan([TOKEN]).matches
    assert match.pending == (1, 3)


@pytest.mark.parametrize(
    ("commit", "rejects"), [(COMMIT, True), ("0123456" + "f" * 33, True), ("f" * 40, False), ("", False)]
)
def test_abbreviated_commit(commit: str, rejects: bool) -> None:
    """Names every commit that begins with it; a file outside history is in no commit."""
    used = detector(token_rule(allowlists=(Allowlist(commits=(COMMIT[:7],)),)))
    (match,) = used.scan([TOKEN]).matches
    assert used.place_rejects(match.rule, match.pending, b"a", commit) is rejects


def test_global_allowlist_for_some_rules() -> None:
    """`targetRules` names them; without it, every rule is meant."""
    other = Rule("other", regex="oth_[0-9]{8}")
    data = TOKEN + b" oth_12345678"
    only = Allowlist(stopwords=("123",), target_rules=("other",))
    assert seen(data, token_rule(), other, allowlists=(only,)) == Seen((TOKEN,), {"allowlist": 1})
    assert seen(data, token_rule(), other, allowlists=(Allowlist(stopwords=("123",)),)) == Seen((), {"allowlist": 2})


def test_one_rules_allowlist_is_not_anothers() -> None:
    """Numbers of pending allowlists lead to the right lists."""
    one = Rule("one", regex="one_[0-9]", allowlists=(Allowlist(paths=("^a/",)), Allowlist(paths=("^b/",))))
    two = Rule("two", regex="two_[0-9]", allowlists=(Allowlist(paths=("^c/",)),))
    used = detector(one, two, allowlists=(Allowlist(paths=("^d/",)),))
    answers = {
        match.secret: [
            used.place_rejects(match.rule, match.pending, path + b"/x", "") for path in (b"a", b"b", b"c", b"d")
        ]
        for match in used.scan([b"one_1 two_2"]).matches
    }
    assert answers == {b"one_1": [True, True, False, True], b"two_2": [False, False, True, True]}


def test_allowlists_of_path_rules() -> None:
    """A path rule has no secret: only paths and commits can allow it."""
    rule = Rule("pem", path="[.]pem$", allowlists=(Allowlist(paths=("^test/",)), Allowlist(stopwords=("a",))))
    used = detector(rule)
    ((number, pending),) = used.path_findings(b"test/a.pem")
    assert used.place_rejects(number, pending, b"test/a.pem", "")
    ((number, pending),) = used.path_findings(b"src/a.pem")
    assert not used.place_rejects(number, pending, b"src/a.pem", "")


def test_patterns_of_allowlists_are_over_bytes() -> None:
    """A character outside ASCII is its UTF-8 bytes, as in rules."""
    used = detector(token_rule(allowlists=(Allowlist(paths=("^\u00e9/",)),)))
    (match,) = used.scan([TOKEN]).matches
    assert used.place_rejects(match.rule, match.pending, "\u00e9/x".encode(), "")
    assert not used.place_rejects(match.rule, match.pending, b"\xe9/x", "")
