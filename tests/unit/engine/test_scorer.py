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
    of_value_and_name, grams, line = features(LINE, FULL, VALUE, TABLE)
    assert sorted(of_value_and_name) == sorted(
        [
            *("c:aA0-", "s:5", "cs:aA0-:5", "r:6", "cr:aA0-:6", "sr:5:6", "rm:aA0-:4", "ru:0:5"),
            *("sh:a-A0", "t:aA0-:4", "e:9", "es:5:4", "^a", "$0", "$1", "m:-", "rnd:5:6"),
            *("v:ab", "v:c", "v:0", "=ab-c1"),
            *("w:db", "w:token", "w:db token", "wc:token:aA0-:", "w$:token", "w^:db", "nk:m", "g: = '"),
        ]
    )
    assert grams == sorted(f"~{gram}" for gram in ("^ab", "ab-", "b-c", "-c1", "c1$", "^ab-", "ab-c", "b-c1", "-c1$"))
    assert line == sorted(["a:'", "a2:'; w", "q:''", "b:;", "l:let", "l:user", "l:1", "p:user", "p:1", "f:end"])


def test_facts_do_not_depend_on_what_is_far_away() -> None:
    """Segments of a document may begin and end anywhere outside the line's neighbourhood."""
    near = b"x = 1\n" * 40 + LINE + b"\n" + b"y = 2\n" * 40
    far = b"z" * 5000 + b"\n" + near + b"q" * 5000
    at, other = near.index(LINE), far.index(LINE)
    spans = [tuple((a + shift, b + shift) for a, b in (FULL, VALUE)) for shift in (at, other)]
    assert features(near, *spans[0], TABLE) == features(far, *spans[1], TABLE)


def test_sum_and_steps() -> None:
    """The bias and the weight of each fact once; the first step that is reached gives the confidence."""
    weights, grams = {"c:aA0-": 20, "v:ab": 5, "p:user": 25, "elsewhere": 900}, {"ab-": 5}

    def judged(bias: int, gates: tuple[int, int] = (-100, -100)) -> int:
        return Scorer(bias, weights, grams, TABLE, ((5, 7), (0, 4)), gates).confidence(LINE, FULL, VALUE)

    assert [judged(bias) for bias in (-50, -51, -56)] == [7, 4, 0]
    assert [judged(-50, gates) for gates in ((-25, -20), (-24, -100), (-100, -19))] == [7, 0, 0]


def test_what_is_remembered_changes_nothing() -> None:
    """The same matches again, and more values than are remembered, with the same answers."""
    scorer = load_scorer()
    lines = [b"password" + b" = 'Kq%dzV%dx'\n" % (n, n * n) for n in range(5000)]

    def judged(line: bytes) -> int:
        return scorer.confidence(line, (0, len(line) - 1), (line.index(b"'") + 1, line.rindex(b"'")))

    first = [judged(line) for line in lines]
    assert first == [judged(line) for line in lines]
    assert first[::500] == [load_scorer().confidence(x, (0, len(x) - 1), (12, len(x) - 2)) for x in lines[::500]]


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
