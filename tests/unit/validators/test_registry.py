"""Specs of rules become validators, and wrong ones are refused with what is wrong about them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from gossip.engine.detect.validators import INPUT_BYTES_MAX, Verdict, make_validator, validator_names


def test_names_are_sorted_and_each_makes_a_validator() -> None:
    """Every name works, alone or with the options that it needs."""
    needed: dict[str, dict[str, object]] = {
        "crc32-base62": {"prefix_skip": 4, "payload_len": 30, "checksum_len": 6},
        "json-token": {"keys": "a"},
    }
    names = validator_names()
    assert list(names) == sorted(set(names))
    for name in names:
        assert make_validator({"kind": name} | needed.get(name, {}))(b"") == Verdict("indeterminate")


WRONG: list[tuple[str | Mapping[str, object], str]] = [
    ("nothing", "validator 'nothing' does not exist; there are: age, "),
    ({}, "a validator is a name, or a table with a name under 'kind', not {}"),
    ({"kind": 7}, "a validator is a name"),
    ({"kind": "jwt", "extra": 1}, "validator 'jwt': option 'extra' is not known; options of this validator: none"),
    ({"kind": "jwt", "suppress": 1}, "validator 'jwt': option 'suppress' must be true or false, not 1"),
    ("crc32-base62", "validator 'crc32-base62': option 'prefix_skip' is missing: a whole number from 0 to 256"),
    (
        {"kind": "crc32-base62", "prefix_skip": 4, "payload_len": 0, "checksum_len": 6},
        "option 'payload_len' must be a whole number from 1 to 4096, not 0",
    ),
    (
        {"kind": "crc32-base62", "prefix_skip": 4, "payload_len": 30, "checksum_len": 7},
        "option 'checksum_len' must be a whole number from 1 to 6, not 7",
    ),
    (
        {"kind": "crc32-base62", "prefix_skip": True, "payload_len": 30, "checksum_len": 6},
        "option 'prefix_skip' must be a whole number from 0 to 256, not True",
    ),
    ("json-token", "validator 'json-token': option 'keys' is missing: a text"),
    ({"kind": "json-token", "keys": 1}, "option 'keys' must be a text, not 1"),
    ({"kind": "json-token", "keys": "a,,b"}, "option 'keys' must be names, separated by commas"),
]


@pytest.mark.parametrize(("spec", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_wrong_specs_are_refused(spec: str | Mapping[str, object], message: str) -> None:
    """The message names the validator, the option and the value."""
    with pytest.raises(ValueError, match="validator") as caught:
        make_validator(spec)
    assert message in str(caught.value)


def test_a_rule_may_forgo_suppression() -> None:
    """With `suppress` false, what would be invalid is undecided, and what is valid stays so."""
    fake = b"AKIA" + b"7" * 16
    assert make_validator("aws-access-key")(fake) == Verdict("invalid")
    lenient = make_validator({"kind": "aws-access-key", "suppress": False})
    assert lenient(fake) == Verdict("indeterminate")
    assert lenient(b"AKIA" + b"A" * 16).status == "valid"


def test_longer_input_is_not_looked_at() -> None:
    """One byte over the limit, and nothing is said."""
    validate = make_validator("basic-auth")
    assert validate(b"!" * INPUT_BYTES_MAX) == Verdict("invalid")
    assert validate(b"!" * (INPUT_BYTES_MAX + 1)) == Verdict("indeterminate")


def test_the_key_library_is_loaded_only_when_a_key_is_read() -> None:
    """Importing it takes longer than everything else that a scan of a few files does."""
    code = (
        "import sys; from gossip.engine.detect.validators import make_validator; "
        "[make_validator('jwt')(b'x'), make_validator('private-key')(b'x')]; "
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
