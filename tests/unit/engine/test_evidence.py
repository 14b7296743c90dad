"""Gates that weigh evidence, each at its edge, with exactly its counter moved."""

from __future__ import annotations

from dataclasses import replace
from math import log2
from random import Random

import pytest

from gossip.engine.rules.model import CharClass, EntropyGate, LocalContext, Rule
from tests.support import tokens
from tests.unit.engine.detecting import TOKEN, Seen, detector, matches, seen, token_rule

FOUND = Seen((TOKEN,), {})
UUID = b"9f1c3a52-7b6e-4d08-a1b2-3c4d5e6f7081"


def rejected(cause: str) -> Seen:
    """By one gate, once."""
    return Seen((), {cause: 1})


@pytest.mark.parametrize(
    "text",
    [
        b"insert_your_" + TOKEN,
        b"<your token: " + TOKEN + b">",
        b"fake_key " + TOKEN,
        TOKEN + b"******",
        b"REDACTED " + TOKEN,
    ],
)
def test_safelist_looks_at_the_whole_match(text: bytes) -> None:
    """Tier one: what the regex took of the surroundings counts; outside of it nothing does."""
    wide = Rule("token", regex=r"(?s)(?:.{0,20})(tok_[0-9]{8})(?:.{0,20})")
    assert seen(text, wide) == rejected("safelist")
    assert seen(text, token_rule()) == FOUND


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        (b"the_api_key", False),
        (b"my_secret_key", False),
        (b"fillme", False),
        (b"SET_THIS!", False),
        (b"xxxxxxxx", False),
        (b"00000000", False),
        (b"<secret>", False),
        (b"${SECRET}", False),
        (b"process.env.KEY", False),
        (b"undefined", False),
        (b"AKIDEXAMPLE", False),
        (b"cGFzc3dvcmQ=", False),
        (b"your_token_here7", True),
        (b"changeme99", True),
        (b"xxxxxxx1", True),
        (b"undefined1", True),
        (b"hunter2-hunter2", True),
    ],
)
def test_safelist_of_secrets_is_for_whole_secrets(secret: bytes, found: bool) -> None:
    """Tier two: a placeholder's word inside a longer secret is no reason."""
    wanted = Seen((secret,), {}) if found else rejected("safelist-secret")
    assert seen(b"k|" + secret + b"|", Rule("r", regex=r"k\|([^|]+)\|")) == wanted


@pytest.mark.parametrize("text", [UUID, UUID.upper()])
def test_uuid(text: bytes) -> None:
    """Tier three: an identifier, unless the rule is for UUIDs; a longer secret with one inside is none."""
    rule = Rule("r", regex=r"k=([0-9a-fA-F-]+)")
    assert seen(b"k=" + text, rule) == rejected("uuid")
    assert seen(b"k=" + text, replace(rule, uuid=True)) == Seen((text,), {})
    assert seen(b"k=" + text + b"0", rule) == Seen((text + b"0",), {})
    assert seen(b"k=" + text[:-1], rule) == Seen((text[:-1],), {})


@pytest.mark.parametrize(
    ("text", "context", "found"),
    [
        (b"key = %s", LocalContext(same_line_assignment=True), True),
        (b"key: %s", LocalContext(same_line_assignment=True), True),
        (b"key %s", LocalContext(same_line_assignment=True), False),
        (b"a = 1\nkey %s = 2", LocalContext(same_line_assignment=True), False),
        (b"key '%s'", LocalContext(quoted=True), True),
        (b"key `%s`", LocalContext(quoted=True), True),
        (b"key '%s\"", LocalContext(quoted=True), False),
        (b"key (%s)", LocalContext(quoted=True), False),
        (b"key '%s", LocalContext(quoted=True), True),
        (b"API_Key %s", LocalContext(key_names=("other", "api_key")), True),
        (b"api_key\n%s", LocalContext(key_names=("api_key",)), False),
        (b"%s api_key", LocalContext(key_names=("api_key",)), False),
        (b"api_key = '%s'", LocalContext(same_line_assignment=True, quoted=True, key_names=("api_key",)), True),
        (b"api_key ('%s')", LocalContext(same_line_assignment=True, quoted=True, key_names=("api_key",)), False),
        (b"." * 20 + b"%s", LocalContext(lookbehind=20, same_line_assignment=True), False),
        (b"." * 21 + b"%s", LocalContext(lookbehind=20, same_line_assignment=True), True),
    ],
)
def test_context(text: bytes, context: LocalContext, found: bool) -> None:
    """All checks hold, on the line before the secret; where the line cannot be seen whole, they do."""
    assert seen(text % TOKEN, token_rule(context=context)) == (FOUND if found else rejected("context"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"%s", False),
        (b"k = %s", True),
        (b"k : '%s'", True),
        (b"%s and k=abcdefghij", True),
        (b"%s and k=abcdefghi", False),
        (b"<k>%s", True),
    ],
)
def test_assignment(text: bytes, found: bool) -> None:
    """Ten word characters after a sign, anywhere in the window; a rule of no confidence of its own earns two by it."""
    assert seen(text % TOKEN, token_rule(assignment=True)) == (FOUND if found else rejected("assignment"))


@pytest.mark.parametrize(("letters", "found"), [(95 * 12 // 5, True), (95 * 12 // 5 + 1, False)])
def test_char_class(letters: int, found: bool) -> None:
    """Of 240 bytes 228 lower-case letters are 95 percent: not more than the rule allows. One more is."""
    text = TOKEN + b"." * (240 - len(TOKEN) - (letters - 3)) + b"a" * (letters - 3)
    assert len(text) == 240
    assert seen(text, token_rule(char_class=CharClass())) == (FOUND if found else rejected("char-class"))


def test_char_class_of_a_small_window() -> None:
    """Nothing is said of fewer bytes than the rule wants to see."""
    text = TOKEN + b"a" * 19
    rule = token_rule(char_class=CharClass(max_lower_pct=50, min_window=32))
    assert seen(text, rule) == FOUND
    assert seen(text + b"a", rule) == rejected("char-class")


@pytest.mark.parametrize(
    ("secret", "threshold", "gate", "found"),
    [
        (b"1234", 2.0, EntropyGate(), True),
        (b"1234", 2.0, EntropyGate(digit_penalty=True), False),
        (b"1234", 2.0 - 1.2 / log2(4), EntropyGate(digit_penalty=True), True),
        (b"123a", 2.0, EntropyGate(digit_penalty=True), True),
        (b"7", 0.0, EntropyGate(digit_penalty=True), True),
        (b"aaaaaaa", 1.0, EntropyGate(min_length=8), True),
        (b"aaaaaaaa", 1.0, EntropyGate(min_length=8), False),
        (b"abcdaaaaaa", 2.0, EntropyGate(max_length=4), True),
        (b"abcdaaaaaa", 2.0, EntropyGate(), False),
        (b"aabc", None, EntropyGate(min_entropy=1.0), True),
        (b"aaab", None, EntropyGate(min_entropy=1.0), False),
        (b"aabc", 1.6, EntropyGate(min_entropy=1.0), False),
    ],
)
def test_entropy(secret: bytes, threshold: float | None, gate: EntropyGate, found: bool) -> None:
    """Shannon's and the least entropy, over as many bytes as the rule says, less what digits cost."""
    rule = Rule("r", regex=r"k\|([^|]+)\|", entropy=threshold, entropy_gate=gate)
    assert seen(b"k|" + secret + b"|", rule) == (Seen((secret,), {}) if found else rejected("entropy"))


@pytest.mark.parametrize("gap", [256 - 4, 256 - 3])
@pytest.mark.parametrize("before", [False, True])
def test_window_literals(gap: int, before: bool) -> None:
    """`must_contain` and `confirm_any` look 256 bytes to each side, with case."""
    text = b"acme" + b"." * gap + TOKEN if before else TOKEN + b"." * gap + b"acme"
    inside = gap <= 256 - 4
    assert seen(text, token_rule(must_contain="acme")) == (FOUND if inside else rejected("must-contain"))
    assert seen(text, token_rule(confirm_any=("none", "acme"))) == (FOUND if inside else rejected("confirm"))
    assert seen(text, token_rule(must_contain="Acme")) == rejected("must-contain")
    assert seen(text, token_rule(confirm_any=("none",))) == rejected("confirm")


@pytest.mark.parametrize(
    ("text", "keys", "score"),
    [
        (b"%s", {}, 0),
        (b"acme = %s", {}, 2),
        (b"%s", {"entropy": 1.0}, 1),
        (b"acme %s", {"keywords": ("acme",), "entropy": 1.0}, 3),
        (b"acme = %s", {"keywords": ("acme",), "entropy": 1.0}, 5),
        (b"acme = %s", {"keywords": ("acme",), "entropy": 1.0, "confidence": 7}, 7),
        (b"acme" + b"." * 28 + b"%s", {"keywords": ("acme",)}, 2),
        (b"acme" + b"." * 29 + b"%s", {"keywords": ("acme",)}, 0),
    ],
)
def test_confidence(text: bytes, keys: dict[str, object], score: int) -> None:
    """One for entropy, two for a keyword within 32 bytes, two for an assignment, unless the rule says."""
    assert [match.confidence for match in matches(text % TOKEN, token_rule(**keys))] == [score]


def test_least_confidence() -> None:
    """Derived from keyword and entropy: a far keyword is not enough; said by the rule: as it says."""
    far = b"acme" + b"." * 40 + TOKEN
    rule = token_rule(keywords=("acme",), entropy=1.0)
    assert seen(far, rule) == rejected("confidence")
    assert seen(far, replace(rule, min_confidence=1)) == FOUND
    assert seen(far, replace(rule, min_confidence=2)) == rejected("confidence")
    assert seen(far, replace(rule, confidence=1)) == FOUND


def test_validator_decides() -> None:
    """Proof adds five and facts; a broken checksum rejects; what cannot be judged stays as it is."""
    token = tokens.github(Random(1))
    rule = Rule("r", regex=r"(ghp_[A-Za-z0-9]+)", validator='"github"', confidence=4)
    (match,) = matches(token, rule)
    assert (match.validation, match.confidence) == ("valid", 9)
    damaged = token[:-1] + (b"A" if token[-1:] != b"A" else b"B")
    assert seen(damaged, rule) == rejected("validator")
    (longer,) = matches(token + b"abcd", rule)
    assert (longer.validation, longer.confidence) == ("indeterminate", 4)


def test_one_counter_for_each_candidate() -> None:
    """The first gate that rejects is the one that counts."""
    rule = token_rule(keywords=("acme",), entropy=8.0, must_contain="zzz")
    used = detector(rule)
    assert used.scan([TOKEN + b" " + TOKEN]).matches == []
    assert dict(used.suppressed) == {"must-contain": 2}
