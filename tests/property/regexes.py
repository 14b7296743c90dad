"""Random patterns out of the grammar that the parser supports, and random text that they have a chance to match."""

from __future__ import annotations

from hypothesis import strategies as st

ALPHABET = "abAB_1 -\n"
"""Both cases, a word character that is no letter, a digit, a space, punctuation, a line break."""

LITERALS = st.sampled_from(
    [
        "a",
        "b",
        "A",
        "B",
        "_",
        "1",
        "\\-",
        "-",
        " ",
        "\\n",
        "\\x61",
        "\\x{42}",
        "\\141",
        "\\Qa-\\E",
        "\\Q1",
        "{,2}",
        "a{01}",
    ]
)
WIDE_LITERALS = st.sampled_from(["\u00e9", "\\x{e9}", "\\xe9", "\u20ac", "\u00e9{2}", "\U0001f600"])
POSITIVE_CLASSES = st.sampled_from(
    [
        "[ab]",
        "[a-b1]",
        "[-a]",
        "[a-]",
        "[]a]",
        "[[:alpha:]]",
        "[[:upper:]1]",
        "[\\d_]",
        "\\d",
        "\\w",
        "[A-_]",
        "[\\x61-b]",
    ]
)
OTHER_CLASSES = st.sampled_from(
    [
        ".",
        "[^a]",
        "[^]a]",
        "[^\\w]",
        "\\W",
        "\\s",
        "\\S",
        "\\D",
        "[[:^digit:]]",
        "[^[:space:]-]",
        "[[:^upper:]]",
        "[^[:^upper:]]",
        "\\C",
        "(?s:.)",
        "[[:punct:]b]",
    ]
)
WIDE_CLASSES = st.sampled_from(["[\u00e9]", "[a\u00e8-\u00ea]", "[\u00e9\u20ac]", "[\\x{e0}-\\x{ffff}]", "[b\\xe9]"])
UNICODE_CLASSES = st.sampled_from(
    [
        "\\pL",
        "\\p{Lu}",
        "\\p{Ll}",
        "\\pN",
        "\\p{Nd}",
        "\\pP",
        "\\pS",
        "\\pZ",
        "\\PL",
        "\\p{^L}",
        "[\\pL1]",
        "[^\\pL]",
        "\\P{Lu}",
    ]
)
LOOKS = st.sampled_from(["\\b", "\\B", "^", "$", "\\A", "\\z", "(?m:^)", "(?m:$)"])
BOUNDS = st.sampled_from(
    [
        "*",
        "+",
        "?",
        "{2}",
        "{0,2}",
        "{1,3}",
        "{2,}",
        "{0}",
        "{1}",
        "{1,9}",
        "{2,12}",
        "*?",
        "+?",
        "??",
        "{1,3}?",
        "{2,}?",
    ]
)
FLAGS = st.sampled_from(["i", "s", "m", "U", "im", "-i", "i-s", "sU"])


def _grown(atoms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        repeated = st.one_of(
            st.tuples(atoms, BOUNDS).map("".join),
            st.tuples(inner, BOUNDS).map(lambda parts: f"(?:{parts[0]}){parts[1]}"),
            st.tuples(inner, BOUNDS).map(lambda parts: f"({parts[0]}){parts[1]}"),
        )
        joined = st.lists(st.one_of(inner, repeated), min_size=1, max_size=4).map("".join)
        return st.one_of(
            joined,
            repeated,
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
            inner.map(lambda part: f"({part})"),
            st.tuples(FLAGS, inner).map(lambda parts: f"(?{parts[0]}:{parts[1]})"),
            st.tuples(FLAGS, inner).map(lambda parts: f"(?:(?{parts[0]}){parts[1]})"),
            st.tuples(inner, FLAGS, inner).map(lambda parts: f"(?:{parts[0]}|(?{parts[1]}){parts[2]})"),
        )

    return st.recursive(atoms, grow, max_leaves=6)


def ascii_patterns() -> st.SearchStrategy[str]:
    """Patterns of every construct, for ASCII text."""
    atoms = st.one_of(LITERALS, POSITIVE_CLASSES, OTHER_CLASSES, LOOKS, UNICODE_CLASSES, WIDE_LITERALS, WIDE_CLASSES)
    return _grown(atoms)


def wide_patterns() -> st.SearchStrategy[str]:
    """Patterns that read text outside ASCII as RE2 does: without what takes single bytes of a longer character."""
    return _grown(st.one_of(LITERALS, POSITIVE_CLASSES, WIDE_LITERALS, WIDE_CLASSES))


def ascii_text() -> st.SearchStrategy[bytes]:
    """Up to some dozen characters of the alphabet."""
    return st.text(ALPHABET, max_size=40).map(str.encode)


def wide_text() -> st.SearchStrategy[bytes]:
    """The same, with characters of two to four bytes."""
    return st.text(ALPHABET + "\u00e9\u20ac\U0001f600", max_size=30).map(str.encode)
