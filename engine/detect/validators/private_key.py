"""Private keys in armour: PEM of every kind, OpenSSH's own, and base64 of either."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gossip.engine.detect.validators.base import INDETERMINATE, INVALID, Facts, Verdict
from gossip.engine.detect.validators.codec import base64, json_object

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN: Final = re.compile(rb"-----BEGIN ([A-Z0-9][A-Z0-9 -]{0,40})-----")
_ENCODED: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_HEADER: Final = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:.*")
_CONTINUED: Final = re.compile(rb"""["'][ \t]*+\+?[ \t]*+(?=[\r\n]|\Z)|(?:(?<=[\r\n])|\A)[ \t]*+\+?[ \t]*+["']""")
"""How a string literal goes on in the next line: quote and plus at either end."""
_ESCAPED_LINE: Final = re.compile(rb"\\+[nr]")
_CIPHER: Final = re.compile(rb"DEK-Info:[ \t]*([A-Z0-9]{3,12}-[A-Z0-9-]{3,12}),[0-9A-Fa-f]{16,32}")

_DER_LABELS: Final = frozenset(
    {b"PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY", b"DSA PRIVATE KEY", b"ENCRYPTED PRIVATE KEY"}
)
_SIGSTORE_LABELS: Final = frozenset({b"ENCRYPTED COSIGN PRIVATE KEY", b"ENCRYPTED SIGSTORE PRIVATE KEY"})
_OPENSSH_MAGIC: Final = b"openssh-key-v1\0"
_PBES2_OID: Final = bytes.fromhex("06092a864886f70d01050d")
_PKCS5_OID: Final = bytes.fromhex("06092a864886f70d0105")
_PKCS12_OID: Final = bytes.fromhex("060a2a864886f70d010c01")


def armoured(secret: bytes) -> Verdict:
    """A private key between its BEGIN and END lines: parsed, never decrypted.

    Handles indentation, escaped line ends and string literals put together. What is cut, commented or of a kind not
    known here is undecided; a body that is base64 of something that cannot be a key is proof of a fake.
    """
    begin = _BEGIN.search(secret)
    end = secret.find(b"-----END " + begin[1] + b"-----", begin.end()) if begin else -1
    if begin is None or end < 0:
        return INDETERMINATE
    label = begin[1]
    headers, body = _contents(secret[begin.end() : end])
    raw = base64(body) if _ENCODED.fullmatch(body) else None
    if raw is None:
        return INDETERMINATE
    if b"Proc-Type:" in headers:
        return _legacy_encrypted(headers, raw)
    if label == b"OPENSSH PRIVATE KEY":
        return _openssh(raw)
    if label in _SIGSTORE_LABELS:
        return _sigstore(raw)
    if label in _DER_LABELS:
        return _der(raw, encrypted=label.startswith(b"ENCRYPTED"))
    return INDETERMINATE


def encoded(secret: bytes) -> Verdict:
    """Base64 of an armoured private key, as in the files of Kubernetes; base64 of anything else is undecided."""
    raw = base64(b"".join(secret.split()))
    return INDETERMINATE if raw is None else armoured(raw)


def _contents(body: bytes) -> tuple[bytes, bytes]:
    """The header lines of an armoured key, and its base64 without anything between."""
    text = _ESCAPED_LINE.sub(b"\n", body) if b"\\" in body else body
    if b'"' in text or b"'" in text:
        text = _CONTINUED.sub(b"", text)
    headers: list[bytes] = []
    lines: list[bytes] = []
    for line in text.splitlines():
        kept = line.strip(b" \t,;\\\"'")
        if kept:
            (headers if not lines and _HEADER.fullmatch(kept) else lines).append(kept)
    return b"\n".join(headers), b"".join(b"".join(lines).split())


def _legacy_encrypted(headers: bytes, raw: bytes) -> Verdict:
    """A key encrypted as RFC 1421 has it: only the cipher can be told, and that the blocks are whole."""
    found = _CIPHER.search(headers)
    if found is None or b"ENCRYPTED" not in headers or len(raw) < 32 or len(raw) % 8:
        return INDETERMINATE
    return Verdict("valid", (("encrypted", "yes"), ("cipher", found[1].decode())))


def _der(raw: bytes, *, encrypted: bool) -> Verdict:
    """A key in DER: a SEQUENCE that begins with a version or, encrypted, with an algorithm. A library reads the rest.

    A library that refuses has not proven much: curves and sizes go out of support while their keys live on, and of a
    key that was cut a part has still leaked.
    """
    inner = _sequence(raw)
    if inner is None:
        return INVALID
    if inner[:1] != b"\x30" and inner[:2] != b"\x02\x01":
        return INVALID
    if encrypted:
        known = _PBES2_OID in inner[:40] or _PKCS5_OID in inner[:40] or _PKCS12_OID in inner[:40]
        return Verdict("valid", (("encrypted", "yes"),)) if known and inner[:1] == b"\x30" else INDETERMINATE
    facts = _parsed(raw)
    return INDETERMINATE if facts is None else Verdict("valid", (*facts, ("encrypted", "no")))


def _sequence(raw: bytes) -> bytes | None:
    """The contents of the DER SEQUENCE that `raw` begins with, as far as they go; None for anything else."""
    if len(raw) < 2 or raw[0] != 0x30:
        return None
    size = raw[1]
    if size == 0x80 or size > 0x84:
        return None
    return raw[2 + max(size - 0x80, 0) :]


def _parsed(raw: bytes) -> Facts | None:
    """Kind and size of a key in the clear, or None where the library cannot read it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        # Whether the primes of RSA are primes takes seconds for a big key: that is not structure.
        key = load_der_private_key(raw, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if isinstance(key, rsa.RSAPrivateKey):
        return (("type", "RSA"), ("bits", str(key.key_size)))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return (("type", "EC"), ("curve", key.curve.name))
    if isinstance(key, dsa.DSAPrivateKey):
        return (("type", "DSA"), ("bits", str(key.key_size)))
    return (("type", type(key).__name__.removesuffix("PrivateKey").lstrip("_")),)


def _strings(raw: bytes) -> Iterator[bytes]:
    """The strings of SSH's wire form: a length of four bytes, then the bytes. Stops where one is cut."""
    at = 0
    while at + 4 <= len(raw):
        end = at + 4 + int.from_bytes(raw[at : at + 4], "big")
        if end > len(raw):
            return
        yield raw[at + 4 : end]
        at = end


def _openssh(raw: bytes) -> Verdict:
    """OpenSSH's form (PROTOCOL.key): in the clear, two equal check numbers begin the private part."""
    if not raw.startswith(_OPENSSH_MAGIC):
        return INVALID
    at = len(_OPENSSH_MAGIC)
    names = list(_strings(raw[at:]))[:3]
    if len(names) < 3:
        return INVALID
    cipher = names[0]
    at += sum(4 + len(name) for name in names)
    rest = list(_strings(raw[at + 4 :]))
    if int.from_bytes(raw[at : at + 4], "big") != 1 or len(rest) < 2:
        # More keys than one, or one that is cut: OpenSSH writes neither, but neither is proof.
        return INDETERMINATE
    public, private = rest[0], rest[1]
    facts = _ssh_facts(public)
    if cipher != b"none":
        shown = cipher.decode("ascii", "replace") if re.fullmatch(rb"[a-z0-9@.-]{1,60}", cipher) else "unknown"
        return Verdict("valid", (*facts, ("encrypted", "yes"), ("cipher", shown)))
    if len(private) < 8 or private[:4] != private[4:8]:
        return INVALID
    return Verdict("valid", (*facts, ("encrypted", "no")))


def _ssh_facts(public: bytes) -> Facts:
    """Kind and, for RSA, size, off the public half of an SSH key."""
    parts = list(_strings(public))
    if not parts or re.fullmatch(rb"[a-z0-9@.-]{1,60}", parts[0]) is None:
        return ()
    kind = parts[0].decode()
    if kind == "ssh-rsa" and len(parts) == 3:
        return (("type", kind), ("bits", str(int.from_bytes(parts[2], "big").bit_length())))
    return (("type", kind),)


def _sigstore(raw: bytes) -> Verdict:
    """Cosign's form: JSON with the names of what derives the key and what encrypts it."""
    found = json_object(raw)
    if found is None:
        return INVALID
    if not {"kdf", "cipher", "ciphertext"} <= found.keys():
        return INDETERMINATE
    return Verdict("valid", (("encrypted", "yes"),))
