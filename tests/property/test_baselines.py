from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gossip.engine.baseline.book import Baseline, Entry, entry, merged, parse, render
from gossip.engine.baseline.foreign.claims import Claim
from gossip.engine.baseline.foreign.reading import FORMATS, read_claims
from gossip.schemas.errors import MisuseError
from tests.support.lake import digest

KEY = digest("key")
TEXTS = st.text(max_size=20)
RULES = st.sampled_from(["token", "github-pat", "odd rule", "t\tab"])
ENTRIES = st.builds(entry, st.integers(0, 5).map(digest), RULES, TEXTS, TEXTS)


def made(entries: list[Entry]) -> Baseline:
    """A baseline of entries."""
    baseline = Baseline(KEY)
    for one in entries:
        baseline.add(one)
    return baseline


def outcome(text: str, kind: str) -> tuple[list[Claim], str]:
    """The claims of a text, or none and why it is refused."""
    try:
        return read_claims(text, "f", kind), ""
    except MisuseError as err:
        return [], str(err)


BASELINES = st.lists(ENTRIES, max_size=12).map(made)


@given(BASELINES)
def test_text_and_back(baseline: Baseline) -> None:
    """Whatever paths and reasons hold, the text of a baseline is read as what it was made of."""
    text = render(baseline)
    assert parse(text, "f") == baseline
    assert len(text.splitlines()) == len(baseline) + 1


@given(st.lists(ENTRIES, max_size=12), st.data())
def test_order_does_not_matter(entries: list[Entry], data: st.DataObject) -> None:
    """Entries in any order, each any number of times, give the same text."""
    again = data.draw(st.permutations(entries)) + data.draw(st.permutations(entries))
    assert render(made(again)) == render(made(entries))


@given(BASELINES, BASELINES, BASELINES)
def test_a_merge_is_the_union(one: Baseline, two: Baseline, three: Baseline) -> None:
    """It knows what either knows, takes no side, and merging again changes nothing."""
    union = merged(one, two)
    assert union.entries.keys() == one.entries.keys() | two.entries.keys()
    assert union == merged(two, one)
    assert merged(union, three) == merged(one, merged(two, three))
    assert merged(union, two) == union


@given(BASELINES, BASELINES, st.data())
def test_lines_of_two_baselines_are_their_merge(one: Baseline, two: Baseline, data: st.DataObject) -> None:
    """What Git's union merge leaves, in any order, with the header twice, reads as the union."""
    lines = render(one).split("\n") + render(two).split("\n")
    assert parse("\n".join(data.draw(st.permutations(lines))), "f") == merged(one, two)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.sampled_from(["auto", *FORMATS]))
def test_no_file_breaks_the_import(text: str, kind: str) -> None:
    """Any text is claims or a refusal; nothing else is raised, and a line of it is never shown."""
    claims, refusal = outcome(text, kind)
    assert len(refusal) < 200
    assert all(len(claim.shown) < 2 * len(text) + 40 for claim in claims)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "results",
                        "findings",
                        "finding",
                        "match",
                        "location",
                        "SourceMetadata",
                        "Data",
                        "File",
                        "StartLine",
                        "path",
                        "line",
                    ]
                ),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_odd_json_breaks_nothing(data: object) -> None:
    """JSON with the names of the formats, in any shape."""
    for kind in ("auto", *FORMATS):
        outcome(json.dumps(data), kind)
