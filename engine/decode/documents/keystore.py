"""Java keystores: that there is one, and what its entries are called. Their contents need a password."""

from __future__ import annotations

import struct

from gossip.engine.decode.documents.limits import KEYSTORE_ENTRIES_MAX
from gossip.engine.decode.documents.parts import Output

_JAVA = {b"\xfe\xed\xfe\xed": "JKS", b"\xce\xce\xce\xce": "JCEKS"}
_ENTRY_KINDS = {1: "private key", 2: "certificate", 3: "secret key"}
_FRIENDLY_NAME = bytes.fromhex("06092a864886f70d010914")
"""DER of PKCS12's attribute friendlyName, which Java calls the alias."""


def extract_keystore(data: bytes, out: Output, _name: str) -> None:
    """First part: a sentence such as `Java keystore (JKS), 3 entries`. Then a part `alias` per entry, `private key:
    server`, as far as names are not encrypted (PKCS12 often hides those of certificates).
    """
    form = _JAVA.get(data[:4])
    if form is None:
        _pkcs12(data, out)
        return
    if len(data) < 12:
        out.damaged("the header is cut short")
        return
    _, count = struct.unpack_from(">II", data, 4)
    out.add(f"Java keystore ({form}), {count} {'entry' if count == 1 else 'entries'}\n", "header", 0, 12)
    try:
        _entries(data, count, out)
    except struct.error:
        out.damaged("an entry is cut short")


def _entries(data: bytes, count: int, out: Output) -> None:
    """Aliases of JKS and JCEKS. Raises struct.error when the file ends too soon."""
    (version,) = struct.unpack_from(">I", data, 4)
    position = 12
    for number in range(count):
        if number == KEYSTORE_ENTRIES_MAX:
            out.stop()
        tag, length = struct.unpack_from(">IH", data, position)
        if tag not in _ENTRY_KINDS:
            out.damaged("an entry of an unknown kind")
            return
        alias = data[position + 6 : position + 6 + length].decode("utf-8", "replace")
        end = position + 6 + length + 8
        if end > len(data):
            out.damaged("an entry is cut short")
            return
        out.add(f"{_ENTRY_KINDS[tag]}: {alias}\n", "alias", position, end)
        if tag == 3:
            # A serialised Java object without a length: what follows it cannot be found.
            return
        certificates = 1
        if tag == 1:
            (length,) = struct.unpack_from(">I", data, end)
            (certificates,) = struct.unpack_from(">I", data, end + 4 + length)
            end += 8 + length
        if certificates > KEYSTORE_ENTRIES_MAX:
            out.stop()
        position = _after_certificates(data, end, certificates, version)


def _after_certificates(data: bytes, position: int, count: int, version: int) -> int:
    """Position after `count` certificates."""
    for _ in range(count):
        if version == 2:
            (length,) = struct.unpack_from(">H", data, position)
            position += 2 + length
        (length,) = struct.unpack_from(">I", data, position)
        position += 4 + length
    return position


def _pkcs12(data: bytes, out: Output) -> None:
    if not data.startswith(b"\x30") or b"\x02\x01\x03\x30" not in data[:12]:
        out.damaged("not a keystore")
        return
    out.add("Keystore (PKCS12)\n", "header", 0, 12)
    position = data.find(_FRIENDLY_NAME)
    for _ in range(KEYSTORE_ENTRIES_MAX):
        if position < 0:
            return
        # SET { BMPString }, both short enough for one byte of length.
        value = position + len(_FRIENDLY_NAME)
        if data[value : value + 1] == b"\x31" and data[value + 2 : value + 3] == b"\x1e":
            end = value + 4 + int.from_bytes(data[value + 3 : value + 4], "big")
            alias = data[value + 4 : end].decode("utf-16-be", "replace")
            out.add(f"entry: {alias}\n", "alias", position, min(end, len(data)))
        position = data.find(_FRIENDLY_NAME, value)
    out.cut()
