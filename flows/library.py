"""Scanning from a program: `from gossip import Scanner`.

>>> from gossip import Scanner
>>> scanned = Scanner().scan_text("key = 'AKIA" + "Z7QXM2LT4WBN6RKD'", name="settings.py")
>>> [(found.rule_id, found.path, found.line, found.preview) for found in scanned.findings]
[('aws-access-key-id', 'settings.py', 1, 'AKIA...(20)')]
>>> scanned.complete
True
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from blake3 import blake3

from gossip.connectors.files.reading import open_file
from gossip.engine.detect.detector import Detector
from gossip.engine.identity import HASH_BYTES
from gossip.engine.limits import DECODE_DEPTH_MAX
from gossip.engine.rules.cache import cached_program
from gossip.flows.run import default_cache_folder, open_tenant_key
from gossip.flows.scan import load_rules
from gossip.operators.scan import scan_unit
from gossip.operators.worker import Worker
from gossip.schemas.config import DecodeMode, ScanConfig
from gossip.schemas.errors import MisuseError
from gossip.schemas.finding import Finding
from gossip.schemas.protocols import Document, Opened
from gossip.schemas.summary import Loss
from gossip.schemas.units import HistoryUnit, Place, PlanReport, ScanUnit, Target

_TARGET = "memory"
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one call found."""

    findings: tuple[Finding, ...]
    """By place."""
    losses: tuple[Loss, ...]
    """What was not scanned, though it should have been, and why. Never a byte of a document."""
    documents: int
    bytes: int
    """Content that was read, before archives and encodings were opened."""

    @property
    def complete(self) -> bool:
        """Whether everything was scanned: without findings, there is none only if this is true."""
        return not self.losses


class Scanner:
    """Finds secrets in what a program has in memory or names. Safe to use from several threads at once.

    Building one reads the rules; the first call in a thread then makes its databases ready, which takes some 50 ms
    where the compiled rules are cached, and seconds where they are not. Ids of findings are those of `gossip scan` of a
    target named `memory`, under the same tenant key.
    """

    def __init__(  # noqa: PLR0913 - the settings of a scan
        self,
        *,
        rules: str | os.PathLike[str] | None = None,
        decode: DecodeMode = "anchors",
        decode_depth: int | None = None,
        archives: bool = True,
        scan_binary: bool = False,
        min_confidence: int = 0,
        show_secrets: bool = False,
        tenant_key: bytes | None = None,
    ) -> None:
        """`rules`: a rule file instead of the built-in rules. `show_secrets` fills `Finding.secret`. `tenant_key`: 32
        bytes that key the secret hashes. Everything else is as the option of `gossip scan`. Raises MisuseError.
        """
        key = open_tenant_key() if tenant_key is None else tenant_key
        if len(key) != HASH_BYTES:
            raise MisuseError(f"tenant key of {len(key)} bytes: it must have {HASH_BYTES}")
        config = ScanConfig(
            targets=(Target(_TARGET, _TARGET, _TARGET),),
            tenant_key=key,
            rules_path=None if rules is None else os.fspath(rules),
            cache_folder=default_cache_folder(),
            show_secrets=show_secrets,
            decode=decode,
            decode_depth=decode_depth,
            archives=archives,
            scan_binary=scan_binary,
        )
        self._least = min_confidence
        rule_set = load_rules(config)
        program = cached_program(rule_set, Path(default_cache_folder()), decode)
        depth = DECODE_DEPTH_MAX if decode_depth is None else decode_depth
        self._worker = Worker(
            config, lambda _target: _Given(), partial(Detector, rule_set, program, decode_depth=depth)
        )

    def scan_bytes(self, data: bytes, name: str = "") -> Scanned:
        """Scan bytes as the content of a document. Its name tells what kind it may be, and counts for path rules."""
        return self.scan_stream((data,), name)

    def scan_text(self, text: str, name: str = "") -> Scanned:
        """Scan text; offsets are those of its UTF-8."""
        return self.scan_bytes(text.encode("utf-8", "surrogateescape"), name)

    def scan_stream(self, stream: BinaryIO | Iterable[bytes], name: str = "") -> Scanned:
        """Scan what a binary stream, or chunks of any size, hold. Memory does not grow with it. An OSError of the
        stream is a loss.
        """
        chunks = iter(partial(stream.read, _READ_BYTES), b"") if hasattr(stream, "read") else iter(stream)
        path = os.fsencode(name)
        digest = blake3()

        def hashed() -> Iterator[bytes]:
            for chunk in chunks:
                digest.update(chunk)
                yield chunk

        document = Document(name or "-", hashed(), version=digest.digest, place=lambda: Place(path), path=path)
        return self._scanned(iter((document,)))

    def scan_file(self, path: str | os.PathLike[str]) -> Scanned:
        """Scan one regular file. What cannot be read is a loss, also where there is none."""
        raw = os.fsencode(path)
        return self._scanned(open_file(raw, raw))

    def _scanned(self, opened: Iterator[Opened]) -> Scanned:
        result = scan_unit(self._worker.tools, ScanUnit(0, _TARGET, opened))
        found = [finding for finding in result.findings if finding.confidence >= self._least]
        found.sort(key=lambda finding: (finding.start, finding.end, finding.rule_id, finding.occurrence_id))
        return Scanned(tuple(found), tuple(result.losses), result.documents, result.bytes)


class _Given:
    """The source of units whose payload is what is to be scanned."""

    connector = "memory"
    instance = b""

    def plan(self) -> Iterator[ScanUnit | HistoryUnit | PlanReport]:
        """Nothing: units come from calls."""
        yield PlanReport(0, 0, 0, 0)

    def open(self, unit: ScanUnit) -> Iterator[Opened]:
        """What the call was given."""
        return cast("Iterator[Opened]", unit.payload)
