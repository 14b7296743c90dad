"""The scorer: its facts, its sum, and what a rule with `scorer` does with them."""

from __future__ import annotations

from pathlib import Path

from gossip.engine.detect.detector import Detector
from gossip.engine.detect.scorer.features import features
from gossip.engine.detect.scorer.model import Scorer, load_scorer, scorer_version
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.loader import load_file
from gossip.engine.rules.model import Rule, RuleSet

LINE = b"# x\nlet user = 1; dbToken = 'ab-C1'; end"
FULL, VALUE = (LINE.index(b"Token"), LINE.index(b"'; end")), (LINE.index(b"ab-C1"), LINE.index(b"'; end"))
TABLE = {"^ab": 20, "ab$": 40}


def test_facts() -> None:
    """All of them, of one match."""
    assert sorted(features(LINE, FULL, VALUE, TABLE)) == sorted(
        [
            *("c:aA0-", "s:5", "cs:aA0-:5", "r:6", "cr:aA0-:6", "sr:5:6", "rm:aA0-:4", "ru:0:5"),
            *("sh:a-A0", "t:aA0-:4", "e:9", "es:5:4", "^a", "$0", "^a", "$1", "m:-", "rnd:5:6"),
            *("v:ab", "v:c", "v:0", "=ab-c1"),
            *("^ab", "ab-", "b-c", "-c1", "c1$", "^ab-", "ab-c", "b-c1", "-c1$"),
            *("w:db", "w:token", "w:db token", "wc:token:c:aA0-:", "w$:token", "w^:db", "nk:m"),
            *("g: = '", "a:'", "a2:'; w", "q:''", "b:;"),
            *("l:let", "l:user", "l:1"),
            *("p:user", "p:1", "f:end"),
        ]
    )


def test_facts_do_not_depend_on_what_is_far_away() -> None:
    """Segments of a document may begin and end anywhere outside the line's neighbourhood."""
    near = b"x = 1\n" * 40 + LINE + b"\n" + b"y = 2\n" * 40
    far = b"z" * 5000 + b"\n" + near + b"q" * 5000
    at, other = near.index(LINE), far.index(LINE)
    spans = [tuple((a + shift, b + shift) for a, b in (FULL, VALUE)) for shift in (at, other)]
    assert features(near, *spans[0], TABLE) == features(far, *spans[1], TABLE)


def test_sum_and_steps() -> None:
    """The bias and the weight of each fact once; the first step that is reached gives the confidence."""
    scorer = Scorer(-50, {"c:aA0-": 30, "^a": 25, "elsewhere": 900}, TABLE, ((5, 7), (0, 4)))
    assert scorer.sum(LINE, FULL, VALUE) == 5
    assert scorer.confidence(LINE, FULL, VALUE) == 7
    assert scorer._replace(bias=-51).confidence(LINE, FULL, VALUE) == 4
    assert scorer._replace(bias=-56).confidence(LINE, FULL, VALUE) == 0


def test_shipped_weights() -> None:
    """They are a model: steps fall, and a random value given to a name of a secret beats a word and a reference."""
    scorer = load_scorer()
    assert list(scorer.steps) == sorted(scorer.steps, reverse=True)

    def judged(text: bytes, value: bytes) -> int:
        at = text.index(value)
        return scorer.confidence(text, (text.index(b"pass"), at + len(value)), (at, at + len(value)))

    made_up = b"q7" + b"Vz9" + b"kRw2"
    assert judged(b'password = "' + made_up + b'"', made_up) >= 4
    assert judged(b'password = "password"', b'password"'[:-1]) < 4
    assert judged(b"password = self.settings.value", b"self.settings.value") == 0


def test_rule_with_scorer(tmp_path: Path) -> None:
    """The key is read, what the model drops is counted, and the rule's identity holds the weights'."""
    path = tmp_path / "rules.toml"
    path.write_text("[[rules]]\nid = 'r'\nregex = '''token=(\\w{4,40})'''\nscorer = true\n")
    rules = load_file(path)
    assert rules == RuleSet((Rule("r", regex=r"token=(\w{4,40})", scorer=True),))
    detector = Detector(rules, compile_rules(rules))
    assert detector.scan([b"token=get_token"]).matches == []
    assert dict(detector.suppressed) == {"scorer": 1}
    plain = Rule("r", regex=r"token=(\w{4,40})")
    assert plain.fingerprint != rules.rules[0].fingerprint
    assert len(scorer_version()) == 32
