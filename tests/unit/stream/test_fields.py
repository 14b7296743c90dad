"""The text of a JSON field, and where its bytes lie."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossip.engine.stream.fields import field_text, places, text_span

names = st.text(st.characters(codec="utf-8"), max_size=4)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12))
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)


def paths(value: object, so_far: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    """Every string of a document, with its path."""
    if isinstance(value, str):
        return [(so_far, value)]
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in paths(inner, (*so_far, name))]
    if isinstance(value, list):
        return [found for index, inner in enumerate(value) for found in paths(inner, (*so_far, str(index)))]
    return []


@given(documents, st.booleans(), st.sampled_from([None, 1]))
def test_every_string_is_found_where_it_lies(document: object, ascii_only: bool, indent: int | None) -> None:
    """The span of a string decodes to what reading the field gives, however it was written."""
    raw = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    for path, text in paths(document):
        assert field_text(raw, path) == text.encode("utf-8", "surrogatepass")
        if path:
            span = text_span(raw, path)
            assert span is not None
            assert json.loads(b'"' + raw[slice(*span)] + b'"') == text


@given(st.text(max_size=20), st.booleans())
def test_places_lead_every_byte_to_its_character(text: str, ascii_only: bool) -> None:
    """Cutting the raw string at the places of a character boundary cuts the decoded text there."""
    raw = json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogatepass")
    decoded = text.encode("utf-8", "surrogatepass")
    at = places(raw)
    assert len(at) == len(decoded) + 1
    for cut in range(len(text) + 1):
        byte = len(text[:cut].encode("utf-8", "surrogatepass"))
        assert json.loads('"' + raw[: at[byte]].decode("utf-8", "surrogatepass") + '"') == text[:cut]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"a": 1}', ("a",)),
        (b'{"a": {"b": "x"}}', ("a",)),
        (b'{"a": "x"}', ("b",)),
        (b'["x"]', ("1",)),
        (b'["x"]', ("-1",)),
        (b"3", ("a",)),
    ],
)
def test_nothing_there(raw: bytes, path: tuple[str, ...]) -> None:
    """A field that is missing, or holds no text, is None."""
    assert field_text(raw, path) is None


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000, b"a"])
def test_not_json(raw: bytes) -> None:
    """What is not JSON is told by one error."""
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the parser's
        field_text(raw, ("a",))


def test_of_repeated_names_the_last_one_counts() -> None:
    """As it does for readers."""
    raw = b'{"a": "x", "a": "yz"}'
    assert (field_text(raw, ("a",)), text_span(raw, ("a",))) == (b"yz", (17, 19))
