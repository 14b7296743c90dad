"""The options of `gossip scan`, as typed."""

from __future__ import annotations

from dataclasses import dataclass

from gossip.schemas.config import DecodeMode


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """One field an option; see `gossip scan --help`."""

    targets: tuple[str, ...]
    jobs: int | None = None
    fmt: str | None = None
    outputs: tuple[str, ...] = ()
    to: str | None = None
    kafka_options: tuple[str, ...] = ()
    staged: bool = False
    since: str | None = None
    branches: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    excluded_refs: tuple[str, ...] = ()
    history: bool = True
    ignored: bool = False
    reachable_only: bool = False
    verify_packs: bool = False
    gitignore: bool = False
    rules: str | None = None
    enabled_rules: tuple[str, ...] = ()
    disabled_rules: tuple[str, ...] = ()
    min_confidence: int = 0
    decode: DecodeMode = "anchors"
    decode_depth: int | None = None
    archives: bool = True
    scan_binary: bool = False
    show_secrets: bool = False
    tenant_key_file: str | None = None
    baseline: str | None = None
    state: str | None = None
    lake: str | None = None
    storage_options: tuple[str, ...] = ()
    exit_zero: bool = False
    segment_bytes: int | None = None
    whole_blobs: bool = False
    quiet: bool = False
    no_progress: bool = False
    profile: bool = False
    debug: bool = False
