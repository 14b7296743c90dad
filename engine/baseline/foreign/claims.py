"""A claim: a secret that another scanner was told to leave out, by whatever it knows the secret by."""

from __future__ import annotations

import hashlib
import hmac
import posixpath
from dataclasses import dataclass, field

DIGEST_BYTES = {"sha1": 20, "sha256": 32}


@dataclass(frozen=True)
class Claim:
    """By its digest or itself, a secret is known wherever it is; by its place, only where it was."""

    shown: str
    """For people: place or digest, never the secret."""
    reason: str = ""
    digests: tuple[tuple[str, str], ...] = ()
    """(`sha1`, `sha256` or `hmac-sha256`, hex in lower case)."""
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """The secret itself, where the other scanner wrote it down. It goes no further than the comparison."""
    path: str = ""
    line: int = 0
    """From 1; 0: not known."""
    commit: str = ""
    rule: str = ""
    """The other scanner's."""
    problem: str = ""
    """Why the claim cannot be understood; empty for one that can."""

    @property
    def by_content(self) -> bool:
        """Whether the secret can be told by what it is."""
        return bool(self.digests or self.secrets)

    @property
    def by_place(self) -> bool:
        """Whether the place can be asked. Where the content is known too, only a commit's place cannot have changed."""
        return bool(self.path and self.line) and (bool(self.commit) or not self.by_content)


def plain_path(path: str) -> str:
    """A path as findings have it: slashes, nothing to leave out.

    >>> plain_path("./a\\\\b//c")
    'a/b/c'
    """
    return posixpath.normpath(path.replace("\\", "/")) if path else ""


def place_of(path: str, line: int, commit: str = "") -> str:
    """How a place is shown."""
    return f"{commit[:12] + ':' if commit else ''}{path}{f':{line}' if line else ''}"


def digest(kind: str, secret: bytes, key: bytes) -> str:
    """The digest of a secret as other scanners make it. Raises ValueError for a kind that is not known."""
    if kind == "hmac-sha256":
        return hmac.new(key, secret, "sha256").hexdigest()
    if kind not in DIGEST_BYTES:
        raise ValueError(f"digest {kind!r} is not known")
    return hashlib.new(kind, secret, usedforsecurity=False).hexdigest()


def text_of(value: object) -> str:
    """A text of somebody else's JSON or YAML; empty for anything that is none."""
    return value if isinstance(value, str) else ""


def number_of(value: object) -> int:
    """A line number of somebody else's JSON or YAML; 0 for anything that is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def mapping_of(value: object) -> dict[str, object]:
    """An object of somebody else's JSON or YAML; empty for anything that is none."""
    return {str(key): part for key, part in value.items()} if isinstance(value, dict) else {}
