"""Names of members, as they are shown."""

from __future__ import annotations

from hashlib import blake2b

_ENDINGS = {
    ".tgz": ".tar",
    ".tbz": ".tar",
    ".tbz2": ".tar",
    ".txz": ".tar",
    ".tzst": ".tar",
    ".taz": ".tar",
    ".gz": "",
    ".bz2": "",
    ".xz": "",
    ".lzma": "",
    ".zst": "",
    ".rpm": ".cpio",
}


def display(name: bytes, bytes_max: int) -> str:
    """A stored name as text: verbatim, undecodable bytes as `\\xNN`, cut with a hash where it is too long."""
    if len(name) > bytes_max:
        name = name[:bytes_max] + b"~#" + blake2b(name, digest_size=8).hexdigest().encode()
    return name.decode("utf-8", "backslashreplace")


def shorten(name: str, bytes_max: int) -> str:
    """A name that is text already, cut like `display` does."""
    if len(name) * 4 <= bytes_max:
        return name
    return display(name.encode("utf-8", "surrogatepass"), bytes_max)


def inner_name(name: str) -> str:
    """What a compressed file is called once it is not: `logs/a.gz` is `a`, `a.tgz` is `a.tar`, others keep theirs."""
    base = name.rpartition("/")[2]
    dot = base.rfind(".")
    if dot > 0 and (ending := _ENDINGS.get(base[dot:].lower())) is not None:
        return base[:dot] + ending
    return base or name
