"""Streaming readers of archives: bytes in, the files inside out, nothing ever written to disk.

`archive_kind` tells by content whether a document is an archive; `expand` gives every file inside, however deep the
nesting up to the limit, and a `Problem` for whatever could not be read. Consumers see files only, never an archive.
"""

from gossip.engine.decode.archives.expand import expand
from gossip.engine.decode.archives.kinds import archive_kind
from gossip.engine.decode.archives.model import ArchiveLimits, Member, Problem
from gossip.engine.decode.archives.source import ChunkStream

__all__ = ["ArchiveLimits", "ChunkStream", "Member", "Problem", "archive_kind", "expand"]
