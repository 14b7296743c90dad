"""What every validator shares: the verdict, the guard around each check, and how options of a spec are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Final, Literal

Facts = tuple[tuple[str, str], ...]
Options = Mapping[str, object]

INPUT_BYTES_MAX: Final = 64 * 1024
"""Longer input is not looked at: no format here needs more, and the work of a validator must be bounded."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the structure of a secret says about it.

    `valid`: it holds what only a real one would; `invalid`: it provably is none; `indeterminate`: no statement.
    `facts` are pairs of name and text read off the secret, safe to show: never bytes that help to use it.
    """

    status: Literal["valid", "invalid", "indeterminate"]
    facts: Facts = ()


Validator = Callable[[bytes], Verdict]
Factory = Callable[[Options], Validator]

VALID: Final = Verdict("valid")
INVALID: Final = Verdict("invalid")
INDETERMINATE: Final = Verdict("indeterminate")


def judged(holds: bool, facts: Facts = ()) -> Verdict:  # noqa: FBT001 - the answer of a checksum comparison
    """`valid` with the facts where a checksum holds, `invalid` without any where it does not."""
    return Verdict("valid", facts) if holds else INVALID


def guarded(check: Validator) -> Validator:
    """`check` behind the promises of a validator: a bounded input, and a verdict for any bytes whatever happens."""

    @wraps(check)
    def validate(secret: bytes) -> Verdict:
        if len(secret) > INPUT_BYTES_MAX:
            return INDETERMINATE
        try:
            return check(secret)
        except Exception:
            # Broad, because the promise is: a parser that chokes has proven nothing, and must not end a scan.
            return INDETERMINATE

    return validate


def plain(check: Validator) -> Factory:
    """The factory of a validator that takes no options."""

    def make(options: Options) -> Validator:
        known_only(options, ())
        return check

    return make


def known_only(options: Options, known: tuple[str, ...]) -> None:
    """Raise ValueError for the first option that is not among `known`."""
    for key in options:
        if key not in known:
            allowed = ", ".join(known) or "none"
            raise ValueError(f"option {key!r} is not known; options of this validator: {allowed}")


def whole(options: Options, key: str, low: int, high: int, default: int | None = None) -> int:
    """The whole number under `key`; ValueError where it is missing without a default, or not from `low` to `high`."""
    value = options.get(key, default)
    if value is None:
        raise ValueError(f"option {key!r} is missing: a whole number from {low} to {high}")
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"option {key!r} must be a whole number from {low} to {high}, not {value!r}")
    return value


def text(options: Options, key: str, choices: tuple[str, ...] | None = None, default: str | None = None) -> str:
    """The text under `key`; ValueError where it is missing without a default, no text, or none of the choices."""
    value = options.get(key, default)
    wanted = f"one of {', '.join(choices)}" if choices else "a text"
    if value is None:
        raise ValueError(f"option {key!r} is missing: {wanted}")
    if not isinstance(value, str) or (choices is not None and value not in choices):
        raise ValueError(f"option {key!r} must be {wanted}, not {value!r}")
    return value
