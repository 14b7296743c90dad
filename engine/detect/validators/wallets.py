"""Keys of wallets and of encryption tools, most with a checksum."""

from __future__ import annotations

import base64 as b64
import binascii
import json
import re
from typing import Final

from gossip.engine.detect.validators.base import INDETERMINATE, INVALID, VALID, Verdict, judged
from gossip.engine.detect.validators.codec import base58check, bech32_holds

_AGE: Final = re.compile(rb"AGE-SECRET-KEY-(PQ-)?1[02-9A-Z]{50,200}")
_NOSTR: Final = re.compile(rb"nsec1[02-9a-z]{58}")
_WIF: Final = re.compile(rb"[5KL9c][1-9A-HJ-NP-Za-km-z]{50,51}")
_EXTENDED: Final = re.compile(rb"[xyztuv]prv[1-9A-HJ-NP-Za-km-z]{107}")
_STELLAR: Final = re.compile(rb"S[A-Z2-7]{55}")
_ETHEREUM: Final = re.compile(rb"(?:0x)?([0-9a-fA-F]{64})")
_SOLANA: Final = re.compile(rb"\[\s*[0-9]{1,3}(?:\s*,\s*[0-9]{1,3}){63}\s*\]")
_SOLANA_CHARS_MAX: Final = 1024

_WIF_NETWORKS: Final = {0x80: "main", 0xEF: "test"}
_EXTENDED_NETWORKS: Final = {
    bytes.fromhex("0488ade4"): "main",
    bytes.fromhex("049d7878"): "main",
    bytes.fromhex("04b2430c"): "main",
    bytes.fromhex("04358394"): "test",
    bytes.fromhex("044a4e28"): "test",
    bytes.fromhex("045f18bc"): "test",
}
"""Version bytes of private extended keys: BIP 32, BIP 49, BIP 84 (SLIP 132)."""
_CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_STELLAR_SEED: Final = 18 << 3


def age(secret: bytes) -> Verdict:
    """An age identity: Bech32 in capitals. Of post-quantum ones a checksum that fails proves nothing here."""
    found = _AGE.fullmatch(secret)
    if found is None:
        return INDETERMINATE
    holds = bech32_holds(secret)
    if found[1] is None:
        return judged(bool(holds)) if len(secret) == 74 else INDETERMINATE
    return VALID if holds else INDETERMINATE


def nostr(secret: bytes) -> Verdict:
    """A private key of Nostr (NIP 19): Bech32 of 32 bytes."""
    return INDETERMINATE if _NOSTR.fullmatch(secret) is None else judged(bool(bech32_holds(secret)))


def bitcoin_wif(secret: bytes) -> Verdict:
    """A Bitcoin key in wallet import form: base58check of network, 32 bytes and, compressed, a 1."""
    if _WIF.fullmatch(secret) is None:
        return INDETERMINATE
    payload = base58check(secret)
    if payload is None or len(payload) not in (33, 34) or payload[0] not in _WIF_NETWORKS:
        return INVALID
    if len(payload) == 34 and payload[33] != 1:
        return INVALID
    return Verdict("valid", (("network", _WIF_NETWORKS[payload[0]]),))


def extended_key(secret: bytes) -> Verdict:
    """An extended private key (BIP 32): base58check of 78 bytes. Version bytes of other coins are undecided."""
    if _EXTENDED.fullmatch(secret) is None:
        return INDETERMINATE
    payload = base58check(secret)
    if payload is None or len(payload) != 78:
        return INVALID
    network = _EXTENDED_NETWORKS.get(payload[:4])
    if network is None:
        return INDETERMINATE
    return judged(payload[45] == 0, (("network", network), ("depth", str(payload[4]))))


def stellar_seed(secret: bytes) -> Verdict:
    """A secret seed of Stellar: base32 of a version, 32 bytes and a CRC-16."""
    if _STELLAR.fullmatch(secret) is None:
        return INDETERMINATE
    raw = b64.b32decode(secret)
    if raw[0] != _STELLAR_SEED:
        return INDETERMINATE
    return judged(binascii.crc_hqx(raw[:33], 0) == int.from_bytes(raw[33:], "little"))


def ethereum(secret: bytes) -> Verdict:
    """A number of secp256k1: 0, and what is not below the order of the curve, is no key; any other proves nothing."""
    found = _ETHEREUM.fullmatch(secret)
    if found is None:
        return INDETERMINATE
    return INDETERMINATE if 0 < int(found[1], 16) < _CURVE_ORDER else INVALID


def solana(secret: bytes) -> Verdict:
    """A key pair as Solana's tools write it: 64 numbers, of which the second half is the public key of the first."""
    if len(secret) > _SOLANA_CHARS_MAX or _SOLANA.fullmatch(secret.strip()) is None:
        return INDETERMINATE
    numbers = json.loads(secret)
    if max(numbers) > 255:
        return INVALID
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    raw = bytes(numbers)
    return judged(Ed25519PrivateKey.from_private_bytes(raw[:32]).public_key().public_bytes_raw() == raw[32:])
