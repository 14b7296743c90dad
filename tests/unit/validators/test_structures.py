"""Formats that are parsed: what is read off them, what is proof of a fake, and what stays open."""

from __future__ import annotations

import base64
import functools
import json
from random import Random

import pytest

from gossip.engine.detect.validators import Verdict, make_validator
from gossip.engine.detect.validators.azure import marvin32
from tests.support import tokens
from tests.support.tokens import Maker, url64

UNDECIDED = Verdict("indeterminate")
INVALID = Verdict("invalid")
EXPIRES = ("expires", "2026-01-01T00:00:00Z")

FIRST_ID = tokens.slack(Random(1)).split(b"-")[1].decode()

VALID: list[tuple[str | dict[str, object], Maker, tuple[tuple[str, str], ...]]] = [
    ("aws-access-key", tokens.aws_access_key, (("account", "029608264753"),)),
    (
        "azure-sas",
        tokens.azure_sas,
        (("version", "2022-11-02"), ("expires", "2030-01-01T00:00:00Z"), ("permissions", "rl"), ("services", "b")),
    ),
    ("basic-auth", tokens.basic_auth, ()),
    ({"kind": "json-token", "prefix": "glc_", "keys": "o,n,k"}, tokens.json_token, (("fields", "o,n,k"),)),
    ("jwt", tokens.jwt, (("alg", "HS256"), ("type", "JWT"), ("issuer", "issuer.example"), EXPIRES)),
    ("pypi", tokens.pypi, (("host", "pypi.org"),)),
    ("pypi", functools.partial(tokens.pypi, host=b"test.pypi.org"), (("host", "test.pypi.org"),)),
    ("sentry", tokens.sentry, (("issued", "2023-11-14T22:13:20Z"), ("host", "sentry.io"))),
    ("slack", tokens.slack, (("kind", "user"), ("workspace", FIRST_ID))),
    ("slack", functools.partial(tokens.slack, kind="xoxb"), (("kind", "bot"), ("workspace", FIRST_ID))),
    ("slack", functools.partial(tokens.slack, kind="xapp"), (("kind", "app-level"),)),
    ("slack", functools.partial(tokens.slack, kind="xoxo"), (("kind", "legacy"),)),
    ("slack", functools.partial(tokens.slack, kind="xoxa"), (("kind", "workspace"),)),
    ("slack", functools.partial(tokens.slack, kind="xoxe"), (("kind", "configuration-refresh"),)),
    ("slack", functools.partial(tokens.slack, kind="xoxe.xoxp"), (("kind", "configuration-access"),)),
]


@pytest.mark.parametrize(("spec", "make", "facts"), VALID, ids=tokens.case_name)
def test_generated_secrets_are_valid(
    spec: str | dict[str, object], make: Maker, facts: tuple[tuple[str, str], ...]
) -> None:
    """What the generator of a format makes is valid, and its facts are read off it."""
    assert make_validator(spec)(make(Random(1))) == Verdict("valid", facts)


def test_discord_token_tells_its_bot_and_birthday() -> None:
    """The first part of the token is the bot's number, which holds a time."""
    secret = tokens.discord_bot(Random(1))
    number = base64.urlsafe_b64decode(secret.split(b".")[0] + b"==").decode()
    facts = (("bot", number), ("created", "2020-01-01T00:00:00Z"))
    assert make_validator("discord-bot")(secret) == Verdict("valid", facts)
    assert make_validator("discord-bot")(b"A" + secret[1:]) == UNDECIDED


def test_facts_without_a_verdict() -> None:
    """Where nothing can be proven, what can be read is still told."""
    stripe, telegram = make_validator("stripe"), make_validator("telegram")
    live = ("sk_" + "live_" + "a" * 24).encode()
    assert stripe(live) == Verdict("indeterminate", (("kind", "secret"), ("mode", "live")))
    assert stripe(b"pk" + live[2:]) == UNDECIDED
    assert telegram(b"123456789:" + b"A" * 35) == Verdict("indeterminate", (("bot", "123456789"),))
    assert telegram(b"123456789:" + b"A" * 34) == UNDECIDED


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b"AKIA" + b"A" * 15, UNDECIDED),
        (b"AKIX" + b"A" * 16, UNDECIDED),
        (b"AKIA" + b"A" * 15 + b"1", INVALID),
        (b"AKIA" + b"7" * 16, INVALID),
        (b"AKIA" + b"A" * 16, Verdict("valid", (("account", "000000000000"),))),
    ],
)
def test_aws_key_ids(body: bytes, verdict: Verdict) -> None:
    """Range and alphabet of a key id of AWS."""
    assert make_validator("aws-access-key")(body) == verdict


def changed_jwt(head: bytes | None = None, body: bytes | None = None, signature: bytes | None = None) -> bytes:
    """A token with parts replaced by base64 of other bytes."""
    parts = tokens.jwt(Random(1)).split(b".")
    new = (head, body, signature)
    return b".".join(url64(part).encode() if part is not None else old for part, old in zip(new, parts, strict=True))


@pytest.mark.parametrize(
    ("secret", "status"),
    [
        (b"", "indeterminate"),
        (b"eyJ", "indeterminate"),
        (changed_jwt(head=b"no json"), "invalid"),
        (changed_jwt(head=b"[1]"), "invalid"),
        (changed_jwt(head=b"{}"), "indeterminate"),
        (changed_jwt(head=b'{"alg":1}'), "indeterminate"),
        (changed_jwt(body=b"\x00\x01"), "indeterminate"),
        (changed_jwt(signature=b"short"), "invalid"),
        (changed_jwt(head=b'{"alg":"RS256"}', signature=bytes(256)), "valid"),
        (changed_jwt(head=b'{"alg":"none"}', signature=b""), "valid"),
        (changed_jwt(body=b'{"exp":1e400}'), "valid"),
        (changed_jwt(body=b'{"exp":true,"iss":7}'), "valid"),
    ],
)
def test_jwt_structure(secret: bytes, status: str) -> None:
    """A header that is no JSON, or a signature of a wrong length, is proof; what makers vary is not."""
    assert make_validator("jwt")(secret).status == status


def test_sealed_jwt() -> None:
    """Of an encrypted token only the header can be read."""
    head = url64(b'{"alg":"RSA-OAEP","enc":"A256GCM"}')
    secret = ".".join([head, *(url64(bytes(size)) for size in (256, 12, 40, 16))]).encode()
    facts = (("alg", "RSA-OAEP"), ("enc", "A256GCM"), ("encrypted", "yes"))
    assert make_validator("jwt")(secret) == Verdict("valid", facts)
    assert make_validator("jwt")(b"AAAA" + secret[4:]) == INVALID


def test_jwt_facts_hold_no_secret() -> None:
    """The issuer is told by its host alone, and odd values of `alg` are not told."""
    claims: dict[str, object] = {"iss": "https://user:" + "hunter2@issuer.example/?t=s3cret", "sub": "alice"}
    verdict = make_validator("jwt")(tokens.jwt(Random(1), claims))
    assert verdict.facts == (("alg", "HS256"), ("type", "JWT"), ("issuer", "issuer.example"), EXPIRES)
    odd = changed_jwt(head=json.dumps({"alg": "a b\n"}).encode())
    assert "alg" not in dict(make_validator("jwt")(odd).facts)


@pytest.mark.parametrize(
    ("secret", "verdict"),
    [
        (b"sntrys_x", UNDECIDED),
        (b"sntryu_" + b"a" * 64, UNDECIDED),
        (b"sntrys_" + base64.b64encode(b'{"iat":1}') + b"_" + b"a" * 42, UNDECIDED),
        (b"sntrys_" + base64.b64encode(b'{"iat":1}') + b"_" + b"a" * 42 + b"=", INVALID),
        (b"sntrys_" + base64.b64encode(b'{"org":1}') + b"_" + b"a" * 43, INVALID),
        (b"sntrys_A_" + b"a" * 43, INVALID),
        (b"sntrys_" + base64.b64encode(b'{"iat":' + b" " * 600 + b"1}") + b"_" + b"a" * 43, UNDECIDED),
    ],
)
def test_sentry_structure(secret: bytes, verdict: Verdict) -> None:
    """Prefix, separator and length keep it open; wrong contents are proof."""
    assert make_validator("sentry")(secret) == verdict


@pytest.mark.parametrize(
    ("secret", "verdict"),
    [
        (b"pypi-short", UNDECIDED),
        (b"pip-" + b"A" * 40, UNDECIDED),
        (b"pypi-" + b"A" * 40, INVALID),
        (b"pypi-AgEI" + b"A" * 40, INVALID),
        (tokens.pypi(Random(1), b"pypi.example.org"), UNDECIDED),
    ],
)
def test_pypi_structure(secret: bytes, verdict: Verdict) -> None:
    """Another host may mint macaroons of its own; what is no macaroon is proof."""
    assert make_validator("pypi")(secret) == verdict


@pytest.mark.parametrize(
    ("secret", "verdict"),
    [
        (b"xoxz-1", UNDECIDED),
        (b"xoxb-short", UNDECIDED),
        (b"xoxp-1-2-3-abc", INVALID),
        (b"xapp-x", INVALID),
        (b"xoxs-1-2-3", INVALID),
        (b"xoxe-123456789012-x", INVALID),
        (b"xoxe-12-x", UNDECIDED),
        (b"xoxe.xoxb-1-short", UNDECIDED),
    ],
)
def test_slack_structure(secret: bytes, verdict: Verdict) -> None:
    """A violation is proof only of the forms that never changed."""
    assert make_validator("slack")(secret) == verdict


def test_json_token_needs_its_keys() -> None:
    """A missing key, no JSON or no base64 is proof; without the prefix nothing is said."""
    validate = make_validator({"kind": "json-token", "prefix": "glc_", "keys": "o, n"})
    texts = [b"glc_" + base64.b64encode(text) for text in (b'{"o":1,"n":2}', b'{"o":1}', b"[]")]
    found = [validate(text) for text in [*texts, b"glc_!", b"glc_", texts[0][4:]]]
    assert found == [Verdict("valid", (("fields", "o,n"),)), INVALID, INVALID, INVALID, UNDECIDED, UNDECIDED]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (b"user:pass word", Verdict("valid")),
        (b"user", INVALID),
        (b"us\x01er:password", INVALID),
        (b"user:p\xe9ss", UNDECIDED),
    ],
)
def test_basic_auth_structure(text: bytes, verdict: Verdict) -> None:
    """RFC 7617 asks for a colon, and forbids control characters."""
    assert make_validator("basic-auth")(base64.b64encode(text)) == verdict


def test_connection_urls() -> None:
    """Scheme and host are told, never the login; a template in the place of a password is proof."""
    validate = make_validator("connection-url")
    facts = (("scheme", "postgres"), ("host", "db.example"))
    assert validate(b"postgres://app:" + b"hunter2@db.example/x") == Verdict("indeterminate", facts)
    for template in (b"${PASS}", b"<password>", b"{{ pw }}", b"%24%7BPASS%7D", b"****", b"$PASS", b"%s", b"%(pw)s"):
        assert validate(b"postgres://app:" + template + b"@db.example/x") == INVALID, template
    assert [validate(text) for text in (b"", b"postgres://db/x", b"\xff", b"http://[x")] == [UNDECIDED] * 4


def annotated(rng: Random, mark: str, seed: bytes, size: int) -> bytes:
    """A key of Azure: random bytes, then the mark, both in base64, then four bytes of checksum."""
    raw = base64.b64decode(tokens.chars(rng, (size - 4) * 8 // 6 - 4) + mark + "AAAAAA==")[: size - 4]
    return base64.b64encode(raw + marvin32(raw, seed).to_bytes(4, "little"))


def test_annotated_keys_of_azure() -> None:
    """The checksum makes one valid; without it the mark is still told, and nothing is disproven."""
    storage = annotated(Random(1), "+ASt", b"Default0", 64)
    validate = make_validator("azure-annotated-key")
    assert validate(storage) == Verdict("valid", (("service", "storage"),))
    assert validate(b"A" + storage[1:]) == Verdict("indeterminate", (("service", "storage"),))
    assert validate(b"A" * 86 + b"==") == UNDECIDED
    assert make_validator("azure-storage-key")(storage) == Verdict("valid", (("service", "storage"),))
    assert make_validator("azure-storage-key")(b"!" * 86 + b"==") == INVALID
    assert make_validator("azure-storage-key")(b"A" * 86 + b"==") == UNDECIDED


def test_common_annotated_keys_of_azure() -> None:
    """The month of its making and its service are told, and three bytes of checksum are checked."""
    raw = base64.b64decode("a" * 52 + "JQQJ99" + "BC" + "A" * 16 + "AZDO")
    secret = base64.b64encode(raw + marvin32(raw, b"Default0").to_bytes(4, "little")[:3])
    validate = make_validator("azure-annotated-key")
    facts = (("issued", "2025-03"), ("service", "AZDO"))
    assert validate(secret) == Verdict("valid", facts)
    assert validate(secret[:-4] + b"AAAA") == Verdict("indeterminate", facts)


# Seed, data, checksum: the vectors of .NET's own tests of Marvin.
MARVIN = [
    ("004fb61a001bdbcc", "", 0x302009BC),
    ("004fb61a001bdbcc", "af", 0x3592E206),
    ("004fb61a001bdbcc", "37f495", 0x6B3C8B90),
    ("004fb61a001bdbcc", "8642dc59", 0x0E9407BE),
]


@pytest.mark.parametrize(("seed", "data", "checksum"), MARVIN)
def test_marvin(seed: str, data: str, checksum: int) -> None:
    """The checksum of Azure's keys is the one that .NET computes."""
    assert marvin32(bytes.fromhex(data), bytes.fromhex(seed)) == checksum


def test_shared_access_signatures() -> None:
    """A bare signature is undecided; among its fields it must be 32 bytes; messaging counts in seconds."""
    validate = make_validator("azure-sas")
    assert validate(b"A" * 43 + b"=") == UNDECIDED
    assert validate(b"sv=2022-11-02&sig=AAAA") == INVALID
    message = b"SharedAccessSignature sr=x&sig=" + b"A" * 43 + b"%3D&se=1767225600&skn=key"
    assert validate(message) == Verdict("valid", (EXPIRES, ("resource", "x")))


def test_ethereum_keys_are_numbers_of_the_curve() -> None:
    """Zero and what is beyond the curve's order is no key; nothing else is said."""
    validate = make_validator("ethereum")
    keys = [b"0x" + b"00" * 31 + b"01", b"ab" * 32, b"00" * 32, b"0x" + b"f" * 64, b"0x12"]
    assert [validate(key) for key in keys] == [UNDECIDED, UNDECIDED, INVALID, INVALID, UNDECIDED]
