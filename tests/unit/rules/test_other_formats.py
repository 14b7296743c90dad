"""Rules of Betterleaks, Kingfisher and Nosey Parker: what they become, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gossip.engine.detect.detector import Detector
from gossip.engine.rules.compiler import compile_rules
from gossip.engine.rules.filters.split import filter_allowlists
from gossip.engine.rules.filters.syntax import FilterError
from gossip.engine.rules.formats.loading import Loading
from gossip.engine.rules.loader import load_file, load_selected
from gossip.schemas.errors import MisuseError

KINGFISHER = r"""
rules:
  - name: Acme key
    id: acme.1
    pattern: |
      (?xi)          # spread over lines
      acme [ _] key
      \s* = \s*
      (?P<TOKEN> [a-z0-9]{8} )
      (?!\w)
    min_entropy: 2.0
    confidence: high
    pattern_requirements: {min_digits: 2, ignore_if_contains: [sample]}
    examples: ['acme_key = k3x9w2q7']
    negative_examples: ['acme_key = abcdefgh', 'acme_key = sample12']
    depends_on_rule: [{rule_id: acme.2, variable: ID}, {rule_id: other.1, variable: X}]
    validation: {type: Http}
  - name: Acme id
    id: acme.2
    pattern: 'acme_id=([0-9]{4})'
    visible: false
"""


def found(path: Path, text: bytes) -> list[tuple[str, bytes]]:
    """Rules and secrets that the rules of a file report."""
    rules = load_file(path)
    matches = Detector(rules, compile_rules(rules)).scan([text]).matches
    return [(rules.rules[match.rule].id, match.secret) for match in matches]


def written(folder: Path, name: str, text: str) -> Path:
    """A file with a text."""
    path = folder / name
    path.write_text(text)
    return path


def test_kingfisher(tmp_path: Path) -> None:
    """Flag x, named group, requirements, dependencies, notes; the name of the file says nothing."""
    path, loading = written(tmp_path, "rules.txt", KINGFISHER), Loading()
    first, second = load_file(path, loading).rules
    assert (first.id, first.entropy, first.confidence, first.secret_group) == ("acme.1", 2.0, 8, 1)
    assert [(part.rule, part.optional) for part in first.components] == [("acme.2", True)]
    assert (second.skip_report, second.confidence) == (True, 5)
    assert [note.removeprefix(f"{path}: rule 'acme.1': ") for note in loading.notes] == [
        "depends_on_rule 2: rule 'other.1' is not in this file, so nothing is joined",
        "key validation: not used; no provider is ever asked",
    ]
    texts = (*first.examples, *first.counterexamples)
    assert [found(path, text.encode()) for text in texts] == [[("acme.1", b"k3x9w2q7")], [], []]


def test_nosey_parker(tmp_path: Path) -> None:
    """Categories are tags; comments go; without keys of Kingfisher's it is Nosey Parker's."""
    text = "rules:\n- {id: np.a, name: A, pattern: 'aa(?# why )_([0-9]{3})', categories: [secret]}\n"
    path = written(tmp_path, "a.yml", text)
    (rule,) = load_file(path).rules
    assert (rule.regex, rule.tags, rule.confidence, rule.description) == ("aa_([0-9]{3})", ("secret",), 6, "A")


@pytest.mark.parametrize(
    ("pattern", "construct"),
    [
        ("a(?=b)c", "look-ahead"),
        ("a(?!b)c", "look-ahead"),
        ("(?<=a)bc", "look-behind"),
        (r"(?<!\w)-a", "look-behind"),
        (r"(?<!\w)(?:ab|-c)", "look-behind"),
        (r"(a)\\1", "back-reference"),
        ("(?>ab)", "atomic group"),
        ("a++", "possessive"),
        ("[a-z&&[^b]]x", "nested class"),
    ],
)
def test_what_re2_lacks_is_named(tmp_path: Path, pattern: str, construct: str) -> None:
    """With the rule."""
    path = written(tmp_path, "a.yml", f'rules:\n- {{id: np.a, name: A, pattern: "{pattern}"}}\n'.replace(r"\w", r"\\w"))
    with pytest.raises(MisuseError, match=rf"rule 'np\.a': key pattern: RE2 has no {construct}"):
        load_file(path)


def test_look_at_a_word_edge_is_a_boundary(tmp_path: Path) -> None:
    """Where what stands beside it is of word characters."""
    path = written(
        tmp_path, "a.yml", "rules:\n- {id: np.a, name: A, pattern: '(?<!\\w)(tk[0-9]{4})(?![A-Za-z0-9_])'}\n"
    )
    assert load_file(path).rules[0].regex == r"\b(tk[0-9]{4})\b"


BETTERLEAKS = """
betterleaksMinVersion = "v1.6.0"
prefilter = '''matchesAny(get(attributes, "path", ""), [`^vendor/`])'''
[[rules]]
id = "tk"
regex = '''tk_([a-z0-9]{6})'''
confidence = 8
filter = '''
let s = finding["secret"]; // the value
filter.entropy(s) < 1.5 || filter.containsAny(s, ["dummy"])
|| (finding.line contains "mock" && attributes["path"] startsWith "tests/")
'''
"""


def test_betterleaks_filters(tmp_path: Path) -> None:
    """Content decides at once, the place when it is known."""
    path = written(tmp_path, "b.toml", BETTERLEAKS)
    assert found(path, b"tk_a1b2c3 tk_aaaaaa tk_dummy1") == [("tk", b"a1b2c3")]
    rules = load_file(path)
    detector = Detector(rules, compile_rules(rules))
    plain, mock = (detector.scan([text]).matches[0] for text in (b"tk_a1b2c3", b"mock tk_a1b2c3"))
    places = (b"src/a", b"vendor/a", b"tests/a")
    assert [detector.place_rejects(0, plain.pending, place, "") for place in places] == [False, True, False]
    assert [detector.place_rejects(0, mock.pending, place, "") for place in places] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("exec(finding.secret)", "unknown function 'exec'"),
        ("filter.failsTokenEfficiency(finding.secret)", "unknown function 'failsTokenEfficiency'"),
        ("finding.secret % 2 == 0", "unknown operator '%'"),
        ("finding.secret", "a boolean expected"),
        ("entropy(1) > 2", "a text expected"),
        ("finding.other == ''", "unknown key 'other'"),
        ('attributes["git.message"] == ""', "unknown key 'git.message'"),
        ("finding.secret == attributes.path", "mixes"),
        ("matchesAny(finding.secret, [`(`])", "function 'matchesAny': pattern"),
        ("entropy(finding.secret, 2) > 1", "takes 1 arguments"),
        ("(" * 100 + "true", "nested deeper"),
        ("true true", "unknown operator 'true'"),
    ],
)
def test_filters_that_are_refused(text: str, named: str) -> None:
    """Function, operator, key or kind is named."""
    with pytest.raises(FilterError, match=named.replace("(", r"\(")):
        filter_allowlists(text)


def test_all_problems_are_collected(tmp_path: Path) -> None:
    """Strict by default; one by one where they are asked for; disabled rules need not be understood."""
    text = "rules:\n" + "".join(
        f"- {{id: np.{n}, name: A, pattern: '{p}'}}\n" for n, p in ((1, "a(?=b)"), (2, "b(?!c)"))
    )
    path = written(tmp_path, "a.yml", text + "- {id: np.3, name: B, pattern: abc}\n")
    loading = Loading(problems=[])
    assert [rule.id for rule in load_file(path, loading).rules] == ["np.3"]
    assert loading.problems is not None
    assert [problem.split("'")[1] for problem in loading.problems] == ["np.1", "np.2"]
    with pytest.raises(MisuseError, match=r"np\.1"):
        load_file(path)
    assert [rule.id for rule in load_selected(path, (), ("np.1", "np.2")).rules] == ["np.3"]


def test_selection(tmp_path: Path) -> None:
    """By id, tag and file; a part that is not enabled stays, unreported; what names no rule is refused."""
    path = written(tmp_path, "k.yml", KINGFISHER.replace("visible: false", "categories: [ids]"))
    assert [(r.id, r.skip_report) for r in load_selected(path, ("acme.1",)).rules] == [
        ("acme.1", False),
        ("acme.2", True),
    ]
    assert [r.id for r in load_selected(path, ("tag:ids",)).rules] == ["acme.2"]
    assert [r.id for r in load_selected(path, ("file:k",)).rules] == ["acme.1", "acme.2"]
    with pytest.raises(MisuseError, match="--disable-rule: no such rule: tag:none"):
        load_selected(path, (), ("tag:none",))
