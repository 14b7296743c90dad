"""Every named limit of the engine, unit last, and the relations between them."""

from __future__ import annotations

from gossip.schemas.errors import MisuseError

MATCH_BYTES_MAX = 16 * 1024
"""Longest match of a rule whose regex has no bound of its own (spec: full radius of the private-key rule)."""

SCORED_BYTES_MAX = 512
"""Longest match of a rule that the scorer judges. Such rules leave their repetitions without bounds: every count of a
bounded one is a state of its own, and building the states took RE2 longer than all the rest of a first scan.
"""

KEYWORD_RADIUS_BYTES = 256
"""A rule's keyword must stand within this distance of the match (spec: radius of 202 of 223 rules)."""

LINE_CONTEXT_BYTES = 2048
"""How much of a line is looked at on each side of a match: allow comments and allowlists with regexTarget `line`."""

SEGMENT_BYTES = 4 * 1024 * 1024
"""Content handed to one database scan. Larger documents are scanned segment by segment."""

BINARY_SNIFF_BYTES = 8192
"""A NUL byte within this prefix makes a document binary (Git's own heuristic)."""

PREVIEW_CHARS_MAX = 4

NEAR_BYTES_MAX = 256
"""Longest hit that is looked for in the neighbourhood of a change alone; expressions with longer ones are looked for
everywhere."""

HITS_HELD_MAX = 50_000
"""Hits of one document that are held at once. A document with more is read as a stream, and nothing is carried over to
what was made of it."""

OUTCOMES_HELD_MAX = 16_384
"""Windows that are remembered by their content, and matches in them, added up."""

WINDOW_RADIUS_BYTES = KEYWORD_RADIUS_BYTES
"""What of the text around a match a rule's window gates look at, on each side."""
KEY_BYTES_MAX = 4096
"""Longest item key and bound of a shard's range."""

TOKEN_BYTES_MAX = 16 * 1024
"""Longest resume token of a connector."""

METADATA_BYTES_MAX = 16 * 1024
"""A shard's encoded hint and what its connector adds."""

SHARDS_PER_RUN_MAX = 10_000
"""Shards that a run may be registered with."""

SHARDS_PER_TENANT_MAX = 100_000
"""Shards of one tenant in a book, those of finished runs included."""

SHARDS_TOTAL_MAX = 1_000_000
"""Shards of a whole book."""

CHILDREN_PER_SPLIT_MAX = 256
SPAWNED_PER_SHARD_MAX = 1024
"""Children and residuals of one shard over its whole life: a flood of splits ends here."""

SHARD_OPS_KEPT = 16
RUN_OPS_KEPT = 8
"""Operations whose results are remembered, so that a lost reply can be asked for again."""

FAILURES_BEFORE_PARK = 3
"""Consecutive failures after which a shard waits for a person."""


EVIDENCE_RADIUS_BYTES = 32
"""A keyword this near to a match is evidence for it (spec: keyword evidence radius)."""

DECODE_DEPTH_MAX = 5
"""Encodings inside one another that are followed (spec: 3; Kubernetes alone takes three)."""

DECODE_REACH_BYTES = 64 * 1024
"""How much of an encoded span is decoded on each side of what gave it away (spec: 64 KiB a span)."""

DECODED_BYTES_MAX = 16 * 1024 * 1024
"""Decoded output of one document, all encodings together. The spec's 512 KiB are for a call that scans 256 KiB."""

DECODED_ITEMS_MAX = 8192
"""Decoded buffers of one document (spec: 256 a call)."""

BYTES_PER_DECODED_ITEM = 1024
"""Each KiB of a document adds a buffer to its budget, and each byte a byte."""

INFLATED_BYTES_MAX = 4 * 1024 * 1024
"""Output of one compressed span."""

ENCODED_MIN_CHARS = 12
"""A shorter encoded span holds no secret."""

ESCAPE_CONTEXT_BYTES = 256
"""Text on each side of an escape that is decoded with it."""

ESCAPE_GAP_BYTES = 64
"""Neighbourhoods of escapes that lie this close are decoded as one."""

FINDINGS_PER_DOCUMENT_MAX = 100_000
"""More are counted, not reported (spec: 8,192 a chunk)."""


def overlap_bytes(widest_match_bytes: int, decode_bytes: int = 2 * DECODE_REACH_BYTES) -> int:
    """Bytes of the previous segment that the next one must see again so that no match can be lost or cut."""
    return max(widest_match_bytes, decode_bytes) + 2 * LINE_CONTEXT_BYTES


def check_segment_bytes(segment_bytes: int, overlap: int | None = None) -> None:
    """Raise MisuseError unless a segment is larger than what consecutive segments share, or no scan would advance."""
    floor = overlap_bytes(MATCH_BYTES_MAX) if overlap is None else overlap
    if segment_bytes <= floor:
        msg = f"segment size of {segment_bytes} bytes is too small: give more than {floor}"
        raise MisuseError(msg)
