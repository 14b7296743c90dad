"""What is compared: labels that people made, and places that a scanner named."""

from __future__ import annotations

from typing import Literal, NamedTuple

Truth = Literal["T", "F", "X"]
"""A credential, not one, or a placeholder or test value, which counts as none."""

View = Literal["core", "all"]

SET_ASIDE = frozenset(
    {
        "AWS Multi",
        "AWS S3 Bucket",
        "Firebase Domain",
        "Google Multi",
        "Nonce",
        "Salt",
        "Tencent WeChat API App ID",
        "UUID",
    }
)
"""Categories of credentials that the core view leaves out: things that are public or no secrets, and rows that name
several others together.
"""

LEVELS = {"low": 2, "medium": 5, "high": 8}
"""Confidence that stands for a level where a scanner gives only that: the middle of ours."""


class Label(NamedTuple):
    """One row of a corpus. Lines are 1-based and inclusive."""

    path: str
    first: int
    last: int
    truth: Truth
    category: str


class Hit(NamedTuple):
    """One finding of any scanner: a place, never its text. Lines are 1-based and inclusive."""

    path: str
    first: int
    last: int
    rule: str
    confidence: float
    """0 to 10, whatever the scanner's own scale."""


def repository_of(path: str) -> str:
    """The stratum of a path: its first component, or the one below a leading `data`."""
    parts = path.split("/")
    return parts[1] if parts[0] == "data" and len(parts) > 2 else parts[0]
