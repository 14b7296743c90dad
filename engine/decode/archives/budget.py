"""What a root has cost so far, and the faults that end an entry, an archive or the root."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gossip.engine.decode.archives.model import ArchiveLimits

ENTRY, ARCHIVE, ROOT = 0, 1, 2
"""How much a fault ends."""


class Fault(Exception):
    """Reading cannot go on. Raised once where it happens, then again by whatever is asked to read on past it.

    `path` is filled in by the first that knows it; `reported` says that a Problem was given for it.
    """

    def __init__(self, reason: str, detail: str, scope: int = ENTRY) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.scope = scope
        self.path: tuple[str, ...] | None = None
        self.reported = False


class NotAnArchiveError(Fault):
    """What might have been an archive is none, which is no problem: it is given raw, without a word."""

    def __init__(self) -> None:
        super().__init__("", "")
        self.reported = True


class Budget:
    """The running totals of one root."""

    def __init__(self, limits: ArchiveLimits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.halt: Fault | None = None
        self.held = 0
        self.windows = 0
        self._clock = clock
        self._deadline = clock() + limits.seconds_max
        self._entries = 0
        self._read = 0
        self._made = 0
        self._ceiling: int | None = None

    def stop(self, reason: str, detail: str) -> Fault:
        """The fault that ends the root: the same one for all who ask after it."""
        if self.halt is None:
            self.halt = Fault(reason, detail, ROOT)
        return self.halt

    def tick(self) -> None:
        """Raise the fault that has ended the root, or that the time is over."""
        if self.halt is not None:
            raise self.halt
        if self._clock() > self._deadline:
            raise self.stop("timeout", f"more than {self.limits.seconds_max:g} s")

    def ceiling(self, root_bytes: int) -> None:
        """The root has this size: what is read twice does not count twice."""
        self._ceiling = root_bytes

    def took(self, count: int) -> None:
        """`count` bytes of the root were read."""
        self._read += count
        if self._ceiling is not None and self._read > self._ceiling:
            self._read = self._ceiling

    def entry(self) -> None:
        """One more entry. Raises Fault for the whole root where they are too many."""
        self.tick()
        self._entries += 1
        if self._entries > self.limits.entries_max:
            raise self.stop("too-many-entries", f"more than {self.limits.entries_max}")

    def made(self, count: int) -> Fault | None:
        """`count` bytes were produced: the fault that ends the root, or None."""
        self._made += count
        limits = self.limits
        if self._made > limits.root_bytes_max:
            return self.stop("too-large", f"more than {limits.root_bytes_max} bytes in all")
        if self._made > limits.ratio_floor_bytes and self._made > limits.ratio_max * max(self._read, 1):
            return self.stop("ratio", f"{self._made} bytes out of {self._read}")
        return None

    def window(self) -> int:
        """Bytes of memory that one more decoder may use."""
        return max(self.limits.window_bytes_max >> self.windows, 16 << 20)


class Layer:
    """The totals of one archive."""

    def __init__(self, budget: Budget, *, counted: bool = True) -> None:
        self.budget = budget
        self.limits = budget.limits
        self._counted = counted
        self._made = 0
        self._metadata = 0

    def entry(self, name_bytes: int = 0) -> None:
        """One more entry, whose headers hold this many bytes beyond the usual."""
        self.budget.entry()
        self.metadata(name_bytes)

    def metadata(self, count: int) -> None:
        """Headers are about to be read. Raises Fault for this archive where they are too many."""
        self._metadata += count
        if self._metadata > self.limits.metadata_bytes_max:
            raise Fault("too-large", f"more than {self.limits.metadata_bytes_max} bytes of headers", ARCHIVE)

    def charge(self, count: int) -> Fault | None:
        """`count` bytes were produced: the fault that ends this archive or the root, or None."""
        if not self._counted:
            return None
        fault = self.budget.made(count)
        if fault is not None:
            return fault
        self._made += count
        if self._made > self.limits.archive_bytes_max:
            return Fault("too-large", f"more than {self.limits.archive_bytes_max} bytes in one archive", ARCHIVE)
        return None

    def drain(self, chunks: Iterator[bytes]) -> None:
        """Read what a consumer left, to get to the next entry. Raises Fault where that ends more than the entry."""
        try:
            for chunk in chunks:
                self.budget.tick()
                fault = self.charge(len(chunk))
                if fault is not None:
                    raise fault
        except Fault as fault:
            if fault.scope > ENTRY or fault.path is not None:
                raise
