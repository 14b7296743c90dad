"""Placeholders in rule examples: what they expand to, that they always expand alike, and what is refused."""

from __future__ import annotations

import base64
import re
import zlib

import pytest

from gossip.engine.detect.validators import make_validator
from gossip.engine.rules.examples import CLASSES, expand

KIND_PATTERNS = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def base62(number: int) -> str:
    """Base62."""
    return "".join(DIGITS[number // 62**power % 62] for power in range(5, -1, -1))


def test_same_template_and_seed_give_the_same_text() -> None:
    """Same template and seed give the same text."""
    template = "key=<an:40> <uuid> <hex:8-64>"
    assert expand(template, "rule/0") == expand(template, "rule/0")


def test_another_seed_gives_another_text() -> None:
    """Another seed gives another text."""
    assert expand("<an:40>", "rule/0") != expand("<an:40>", "rule/1")


def test_expansion_is_pinned() -> None:
    """A change here changes every text that was ever made from an example."""
    assert expand("<an:20>", "golden") == "UG5NyA8p8qPoi5pktZWq"


def test_two_placeholders_of_a_template_differ() -> None:
    """Two placeholders of a template differ."""
    first, second = expand("<hex:32> <hex:32>", "s").split()
    assert first != second


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_class_gives_its_length_and_only_its_characters(name: str) -> None:
    """Class gives its length and only its characters."""
    text = expand(f"<{name}:500>", "s")
    assert len(text) == 500
    assert set(text) <= set(CLASSES[name])


@pytest.mark.parametrize("name", sorted(CLASSES))
@pytest.mark.parametrize("seed", [str(number) for number in range(20)])
def test_sixteen_characters_hold_every_kind_of_the_class(name: str, seed: str) -> None:
    """Sixteen characters hold every kind of the class."""
    text = expand(f"<{name}:16>", seed)
    for kind in KIND_PATTERNS:
        if re.search(kind, CLASSES[name]):
            assert re.search(kind, text), (kind, text)


def test_length_range_is_kept_and_used() -> None:
    """Length range is kept and used."""
    assert {len(expand("<dig:3-5>", str(seed))) for seed in range(100)} == {3, 4, 5}


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("<[a-f2-7]:32>", r"[a-f2-7]{32}"),
        ("<[xyz]:9>", r"[xyz]{9}"),
        ("<[a-]:40>", r"[a-]{40}"),
        ("<[-a]:40>", r"[a-]{40}"),
        ("<[AEIM0-2+]:24>", r"[AEIM0-2+]{24}"),
    ],
)
def test_explicit_class(template: str, pattern: str) -> None:
    """Explicit class."""
    assert re.fullmatch(pattern, expand(template, "s"))


def test_explicit_class_has_every_kind_too() -> None:
    """Explicit class has every kind too."""
    text = expand("<[a-zA-Z.]:16>", "s")
    assert all(re.search(kind, text) for kind in (r"[a-z]", r"[A-Z]", r"[.]"))


def test_uuid() -> None:
    """Uuid."""
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", expand("<uuid>", "s"))


@pytest.mark.parametrize("seed", [str(number) for number in range(30)])
def test_checksum_covers_the_placeholder_before_and_nothing_else(seed: str) -> None:
    """Checksum covers the placeholder before and nothing else."""
    token = expand("npm_<an:30><crc32b62>", seed)
    body, checksum = token[4:34], token[34:]
    assert checksum == base62(zlib.crc32(body.encode()))


def test_checksum_is_padded_with_zeros() -> None:
    """Checksum is padded with zeros."""
    checksums = [expand("<an:30><crc32b62>", str(seed))[30:] for seed in range(200)]
    assert all(len(checksum) == 6 for checksum in checksums)
    assert any(checksum.startswith("0") for checksum in checksums)


def test_checksum_of_a_fixed_vector() -> None:
    """CRC-32 of `aaaa` is 0xAD98E545."""
    assert expand("<[a]:4><crc32b62>", "s") == "aaaa3B6SiD"


def test_checksum_skips_literal_text_between() -> None:
    """Checksum skips literal text between."""
    body, checksum = expand("<an:30>.<crc32b62>", "s").split(".")
    assert checksum == base62(zlib.crc32(body.encode()))


def test_base64_of_a_nested_template() -> None:
    """Base64 of a nested template."""
    text = expand('auth: <b64of:{"user":"<low:5>","pass":"<an:20>"}>', "s")
    inner = base64.b64decode(text.removeprefix("auth: ")).decode()
    assert re.fullmatch(r'\{"user":"[a-z]{5}","pass":"[A-Za-z0-9]{20}"\}', inner)


def test_checksum_after_base64_covers_the_base64() -> None:
    """Checksum after base64 covers the base64."""
    assert expand("<b64of:abc><crc32b62>", "s") == "YWJj" + base62(zlib.crc32(b"YWJj"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain text",
        "<your-token>",
        "<YOUR_API_KEY>",
        "<token:here>",
        "<password>",
        "a < b > c <= d",
        "<<>>",
        "<string.h>",
        "<[placeholder]>",
        "<user:20",
        "trailing <",
    ],
)
def test_other_angle_brackets_stay(text: str) -> None:
    """Other angle brackets stay."""
    assert expand(text, "s") == text


def test_placeholder_within_literal_brackets() -> None:
    """Placeholder within literal brackets."""
    assert re.fullmatch(r"<key>[0-9]{4}</key>", expand("<key><dig:4></key>", "s"))


@pytest.mark.parametrize(
    "template",
    [
        "<hex>",
        "<hex:>",
        "<hex:0>",
        "<hex:x>",
        "<hex:-4>",
        "<hex:4->",
        "<hex:9-4>",
        "<hex:4 >",
        "<hex:4,9>",
        "<[a-f]:>",
        "<[a-f]:x>",
        "<[f-a]:4>",
        "<uuid:4>",
        "<crc32b62:6>",
        "<crc32b62>",
        "ab<crc32b62>",
        "<b64of:<hex:4>",
        "<b64of:" * 3000 + "x" + ">" * 3000,
    ],
)
def test_malformed_placeholder_of_a_known_class(template: str) -> None:
    """Malformed placeholder of a known class."""
    with pytest.raises(ValueError, match=r"placeholder|range"):
        expand(template, "s")


SEALED = [
    ("age", "<BECH32:AGE-SECRET-KEY->"),
    ("extended-key", "<b58of:0488ade4<hex:82>00<hex:64>>"),
    ("gitlab", "<text:glpat-<b64u:27>.0r><crc32b36>"),
    ("grafana", "<text:glsa_<an:32>>_<crc32hex>"),
    ("jwt", '<b64uof:{"alg":"HS256"}>.<b64uof:{"sub":"<uuid>"}>.<b64u:43>'),
    ("matrix", "<text:syt_<an:12>_<[A-Za-z]:20>>_<crc32b62>"),
    ("nostr", "<bech32:nsec>"),
]


@pytest.mark.parametrize(("validator", "template"), SEALED)
@pytest.mark.parametrize("seed", [str(number) for number in range(20)])
def test_sealed_examples_are_valid(validator: str, template: str, seed: str) -> None:
    """A checksum that a template makes is the one that the validator of its format asks for."""
    assert make_validator(validator)(expand(template, seed).encode()).status == "valid"


def test_text_is_its_template_and_counts_as_one() -> None:
    """What is grouped stays as it is, and a checksum after it is of all of it."""
    text, checksum = expand("<text:a_<an:30>>|<crc32b62>", "s").split("|")
    assert re.fullmatch(r"a_[A-Za-z0-9]{30}", text)
    assert checksum == base62(zlib.crc32(text.encode()))


def test_base64_for_urls_has_no_padding() -> None:
    """As JSON Web Tokens want it."""
    assert expand("<b64uof:????>", "s") == "Pz8_Pw"
    assert expand("<b64of:????>", "s") == "Pz8/Pw=="


def test_base58_of_what_is_no_hex_is_refused() -> None:
    """The template must write bytes in hex."""
    with pytest.raises(ValueError, match="non-hexadecimal"):
        expand("<b58of:xyz>", "s")
