"""For any bytes, and for secrets that were damaged, a validator answers, quickly, and tells nothing that is secret."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossip.engine.detect.validators import INPUT_BYTES_MAX, Validator, Verdict, make_validator, validator_names
from tests.support import key_files, tokens

OPTIONS: dict[str, dict[str, object]] = {
    "crc32-base62": {"prefix_skip": 4, "payload_len": 30, "checksum_len": 6},
    "json-token": {"prefix": "glc_", "keys": "o,n,k"},
}
VALIDATORS: dict[str, Validator] = {
    name: make_validator({"kind": name} | OPTIONS.get(name, {})) for name in validator_names()
}
MAKERS = [
    maker
    for name, maker in vars(tokens).items()
    if getattr(maker, "__annotations__", {}).get("return") == "bytes" and name != "base58check"
]
SECRETS: list[bytes] = [
    *(maker(Random(seed)) for maker in MAKERS for seed in range(2)),
    *(key_files.pem(kind, form) for kind, form in (("RSA", "pkcs8"), ("EC", "traditional"), ("Ed25519", "openssh"))),
    key_files.pem("RSA", "traditional", encrypted=True),
    key_files.pgp(Random(1)),
    key_files.service_account(key_files.pem("EC")),
    key_files.solana(Random(1)),
]
SECONDS_MAX = 2.0
"""Far above what any input of full size takes, and far below what a quadratic one would."""

mutations = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3), st.binary(max_size=4)), max_size=4)


def mutated(secret: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """`secret` with bytes replaced, inserted, removed, or its end cut off."""
    for place, how, new in changes:
        at = place % (len(secret) + 1)
        tail = (secret[at + len(new) :], secret[at:], secret[at + 1 :], b"")[how]
        secret = secret[:at] + (new if how < 2 else b"") + tail
    return secret


def well_formed(verdict: object) -> bool:
    """Whether this is a verdict whose facts can be shown."""
    if type(verdict) is not Verdict or verdict.status not in ("valid", "invalid", "indeterminate"):
        return False
    facts = [text for fact in verdict.facts for text in fact]
    shown = all(type(text) is str and text.isprintable() and 0 < len(text) <= 120 for text in facts)
    return shown and (verdict.status != "invalid" or not facts)


@given(st.binary(max_size=300))
def test_any_bytes_get_a_verdict(data: bytes) -> None:
    """No validator raises for any bytes."""
    assert all(well_formed(validate(data)) for validate in VALIDATORS.values())


@given(st.sampled_from(SECRETS), mutations)
def test_damaged_secrets_get_a_verdict(secret: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    """No validator raises for what was valid before it was changed."""
    damaged = mutated(secret, changes)
    assert all(well_formed(validate(damaged)) for validate in VALIDATORS.values())


@given(st.sampled_from(SECRETS), mutations)
def test_verdicts_are_repeatable(secret: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    """A verdict depends on the bytes alone."""
    damaged = mutated(secret, changes)
    for validate in VALIDATORS.values():
        assert validate(damaged) == validate(bytes(damaged))


PEM = b"-----BEGIN RSA " + b"PRIVATE KEY-----"
PGP = b"-----BEGIN PGP " + b"PRIVATE KEY BLOCK-----"
HOSTILE = [
    b"A",
    b" ",
    b"\n",
    b"'",
    b"' ",
    b"-",
    b".",
    b"{",
    b"[",
    b"[1,",
    b"1",
    b"a.",
    b"&a=b",
    b"%41",
    b"=",
    b"\\n",
    b"\0",
    b"\xff",
    PEM,
    PGP,
    b"PuTTY-User-Key-File-3: a\n",
]
WRAPS: list[tuple[bytes, bytes]] = [
    (b"", b""),
    (PEM, PEM.replace(b"BEGIN", b"END")),
    (PGP, PGP.replace(b"BEGIN", b"END")),
    (b"PuTTY-User-Key-File-3: a\nEncryption: none\nComment: \nPublic-Lines: 9\n", b"\n"),
    (b"eyJ", b".eyJ.x"),
    (b"sntrys_", b"_x"),
    (b"xoxb-", b""),
    (b"postgres://u:", b"@h/"),
    (b"sv=1&sig=", b""),
    (b"[", b"1]"),
    (b"AGE-SECRET-KEY-1", b""),
]


@pytest.mark.parametrize("filler", HOSTILE)
def test_time_is_bounded(filler: bytes) -> None:
    """Inputs of the full size that are made to be slow are not."""
    for head, tail in WRAPS:
        room = INPUT_BYTES_MAX - len(head) - len(tail)
        data = head + (filler * room)[: room // len(filler) * len(filler)] + tail
        for name, validate in VALIDATORS.items():
            before = time.process_time()
            assert well_formed(validate(data))
            assert time.process_time() - before < SECONDS_MAX, (name, head)


def test_facts_hold_no_secret_bytes() -> None:
    """No fact of a valid secret is longer than a name or a date, nor repeats the end of the secret."""
    for secret in SECRETS:
        for validate in VALIDATORS.values():
            for _, value in validate(secret).facts:
                assert len(value) <= 60
                assert len(value) < 8 or value.encode() not in secret[-20:]
