"""Formats with a checksum: what their own generator makes is valid, one changed character is not, the rest is open."""

from __future__ import annotations

import functools
import zlib
from random import Random

import pytest

from gossip.engine.detect.validators import Verdict, make_validator
from tests.support import key_files, tokens
from tests.support.tokens import Maker

CRC = {"kind": "crc32-base62", "prefix_skip": 4, "payload_len": 30, "checksum_len": 6}
Spec = str | dict[str, object]

# Spec, generator, facts, where a character is changed, and the character put there.
CHECKED: list[tuple[Spec, Maker, tuple[tuple[str, str], ...], int]] = [
    (CRC, tokens.github, (), 10),
    ("age", tokens.age, (), 40),
    ("bitcoin-wif", tokens.bitcoin_wif, (("network", "main"),), 20),
    ("extended-key", tokens.extended_key, (("network", "main"), ("depth", "3")), 40),
    *(
        ("github", functools.partial(tokens.github, prefix=prefix), (), 10)
        for prefix in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")
    ),
    ("gitlab", tokens.gitlab, (("organization", "1"), ("user", "71")), 20),
    ("gitlab", functools.partial(tokens.gitlab, version="01."), (("organization", "1"), ("user", "71")), 20),
    ("grafana", tokens.grafana, (), 20),
    ("luhn", tokens.luhn, (("digits", "16"),), 3),
    ("matrix", tokens.matrix, (), 20),
    ("matrix", tokens.matrix_service, (), 20),
    ("netbird", functools.partial(tokens.github, prefix="nbp_"), (), 10),
    ("nostr", tokens.nostr, (), 30),
    ("npm", functools.partial(tokens.github, prefix="npm_"), (), 10),
    ("stellar-seed", tokens.stellar_seed, (), 30),
]


def changed(secret: bytes, at: int) -> bytes:
    """`secret` with another character of the same kind at a place."""
    char = secret[at : at + 1]
    kind = b"23" if char.isdigit() else b"df" if char.islower() else b"DF"
    other = kind[:1] if char != kind[:1] else kind[1:]
    return secret[:at] + other + secret[at + 1 :]


@pytest.mark.parametrize(("spec", "make", "facts", "at"), CHECKED, ids=tokens.case_name)
@pytest.mark.parametrize("seed", range(20))
def test_checksum_decides(spec: Spec, make: Maker, facts: tuple[tuple[str, str], ...], at: int, seed: int) -> None:
    """A generated secret is valid with its facts; with one character changed it is invalid, without any."""
    validate, secret = make_validator(spec), make(Random(seed))
    assert validate(secret) == Verdict("valid", facts)
    assert validate(changed(secret, at)) == Verdict("invalid")


@pytest.mark.parametrize(("spec", "make", "facts", "at"), CHECKED, ids=tokens.case_name)
def test_other_forms_are_undecided(spec: Spec, make: Maker, facts: tuple[tuple[str, str], ...], at: int) -> None:
    """Too short, a wrong prefix, nothing at all: no statement."""
    validate, secret = make_validator(spec), make(Random(1))
    short = secret[:11]
    assert [validate(text).status for text in (b"", short, b"!!" + secret[2:-1])] == [
        "indeterminate"
    ] * 3 or spec == CRC


@pytest.mark.parametrize("make", [tokens.github_fine_grained, tokens.github_fine_grained_sha], ids=tokens.case_name)
def test_fine_grained_tokens_are_never_invalid(make: Maker) -> None:
    """Either reading of the checksum makes one valid, and neither makes one invalid."""
    validate, secret = make_validator("github-fine-grained"), make(Random(1))
    assert validate(secret) == Verdict("valid")
    assert validate(changed(secret, 20)) == Verdict("indeterminate")


def test_published_vectors() -> None:
    """Tokens that their makers published as examples, put together here so that no scan reports them."""
    published = {
        "gitlab": b"glp" + b"at-bzox79Of-KE9FD2LjoXXF4CvyxA.0r03gxo7s",
        "grafana": b"gls" + b"a_yscW25imSKJIuav8zF37RZmnbiDvB05G_fcaaf58a",
        "npm": b"np" + b"m_qkJaB6MffYVzZXWqmcoF49yrUxP3wf0LsakP",
        "aws-access-key": b"ASI" + b"AQNZGKIQY56JQ7WML",
    }
    facts = {"gitlab": (("organization", "1"),), "aws-access-key": (("account", "029608264753"),)}
    found = {kind: make_validator(kind)(secret) for kind, secret in published.items()}
    assert found == {kind: Verdict("valid", facts.get(kind, ())) for kind in published}


def test_longer_tokens_of_github_are_never_invalid() -> None:
    """A refresh token of 80 characters is valid by its checksum, and undecided without it."""
    body = tokens.chars(Random(1), 70)
    checksum = tokens.digits(zlib.crc32(body.encode()), tokens.BASE62, 6)
    validate = make_validator("github")
    assert validate(f"ghr_{body}{checksum}".encode()) == Verdict("valid")
    assert validate(f"ghr_{body}000000".encode()) == Verdict("indeterminate")


def test_old_and_foreign_tokens_of_gitlab_are_undecided() -> None:
    """The form of 20 characters has no checksum; one that states another length is none of this form."""
    validate = make_validator("gitlab")
    routable = tokens.gitlab(Random(1))
    shorter = routable[:10] + routable[11:]
    old = b"glp" + b"at-" + tokens.chars(Random(1), 20).encode()
    assert [validate(text) for text in (old, shorter)] == [Verdict("indeterminate")] * 2


def test_crc32_base62_leaves_what_follows_alone() -> None:
    """Text behind the checksum does not count; too short text and other characters are undecided."""
    validate, secret = make_validator(CRC), tokens.github(Random(1))
    assert validate(secret + b"tail") == Verdict("valid")
    assert [validate(secret[:-1]), validate(secret[:-1] + b"-")] == [Verdict("indeterminate")] * 2


def test_invalid_networks_and_versions_are_told_apart() -> None:
    """A checksum that holds over something else: no key of this network, or a coin that is not known."""
    other_coin = tokens.base58check(bytes.fromhex("0488ade5") + b"\x03" + bytes(40) + b"\0" + bytes(32))
    assert make_validator("extended-key")(other_coin).status == "indeterminate"
    uncompressed = tokens.base58check(b"\x80" + Random(1).randbytes(32))
    assert make_validator("bitcoin-wif")(uncompressed) == Verdict("valid", (("network", "main"),))
    marked = tokens.base58check(b"\x80" + Random(1).randbytes(32) + b"\x02")
    assert make_validator("bitcoin-wif")(marked) == Verdict("invalid")


def test_second_half_of_a_pair_decides() -> None:
    """Solana's pair is valid when its second half is the public key of the first."""
    validate, secret = make_validator("solana"), key_files.solana(Random(1))
    swapped = b"[" + b",".join(reversed(secret.strip(b"[]").split(b","))) + b"]"
    assert validate(secret) == Verdict("valid")
    assert validate(swapped) == Verdict("invalid")
    assert validate(b"[1, 2, 3]") == Verdict("indeterminate")


def test_mac_of_a_putty_key_decides() -> None:
    """In the clear the MAC has a known key, so that a wrong one proves a forgery."""
    validate, secret = make_validator("putty-private-key"), tokens.ppk(Random(1))
    forged = secret[:-1] + (b"0" if secret[-1:] != b"0" else b"1")
    assert validate(secret) == Verdict("valid", (("type", "ssh-ed25519"), ("encrypted", "no")))
    assert validate(secret.replace(b"\n", b"\r\n")).status == "valid"
    assert validate(forged) == Verdict("invalid")
    assert validate(secret.replace(b"Private-Lines: 1", b"Private-Lines: 2")) == Verdict("indeterminate")
    assert validate(secret.replace(b"none", b"aes256-cbc")) == Verdict(
        "valid", (("type", "ssh-ed25519"), ("encrypted", "yes"))
    )
