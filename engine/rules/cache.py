"""Compiled programs on disk, so that a warm start takes milliseconds. Whatever is wrong with a file is a miss.

A file holds a magic, the digest of the rest, the header's length, the header and the databases. Its name is the digest
of
everything the program depends on. It is written to a temporary name and renamed, so readers never see half of one.
"""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import hyperscan

from gossip.engine.identity import HASH_BYTES, TAG_CACHE, derive, u64, var
from gossip.engine.rules.compiler import PROGRAM_FORMAT, Program, compile_rules, load_database

if TYPE_CHECKING:
    from gossip.engine.rules.model import RuleSet
    from gossip.schemas.config import DecodeMode

_MAGIC = b"GOSSIPDB"


def cached_program(
    rule_set: RuleSet, folder: Path | None, decode: DecodeMode = "anchors", beside: RuleSet | None = None
) -> Program:
    """The program of a rule set, from `folder` where it has it, else compiled and stored there. None: never stored.

    Raises MisuseError as `compile_rules` does. A folder that cannot be written is no error: the next start is slow.
    """
    if folder is None:
        return compile_rules(rule_set, decode, beside)
    key = _key(rule_set, decode, beside)
    path = folder / f"{key.hex()}.program"
    program = _read(path, key)
    if program is None:
        program = compile_rules(rule_set, decode, beside)
        with contextlib.suppress(OSError):
            _write(path, key, program)
    return program


def _key(rule_set: RuleSet, decode: DecodeMode, beside: RuleSet | None = None) -> bytes:
    # Order matters here, unlike in the rules' digest: a program names rules by their index.
    fingerprints = b"".join(rule.fingerprint for rule in rule_set.rules)
    others = b"" if beside is None else beside.digest
    shared = repr([allowlist.canonical() for allowlist in rule_set.allowlists]).encode()
    machine = f"{PROGRAM_FORMAT} {decode} {getattr(hyperscan, '__version__', '')} {platform.machine()}".encode()
    return derive(TAG_CACHE, var(machine), var(fingerprints), var(shared), var(others))


def _digest(key: bytes, rest: bytes) -> bytes:
    # With the key, so that a file under another one's name is a miss.
    return derive(TAG_CACHE, key, rest)


def _read(path: Path, key: bytes) -> Program | None:
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + HASH_BYTES
    rest = raw[start:]
    if raw[: len(_MAGIC)] != _MAGIC or raw[len(_MAGIC) : start] != _digest(key, rest):
        return None
    length = int.from_bytes(rest[:8], "little")
    try:
        program = Program.from_parts(rest[8 : 8 + length], rest[8 + length :])
        load_database(program.database)
        load_database(program.wide_database)
    except (ValueError, KeyError, TypeError, hyperscan.error):
        return None  # another version's layout, or another processor's code
    return program


def _write(path: Path, key: bytes, program: Program) -> None:
    header = program.header()
    rest = u64(len(header)) + header + program.database + program.wide_database
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".program-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + _digest(key, rest) + rest)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
