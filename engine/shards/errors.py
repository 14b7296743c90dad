"""What coordination refuses, one class per condition. The base class says what the caller does next.

Retry later: RetryableError, with the time to come back in `at`. Abandon the shard: StopShardError. Tell a person, for
state or routing is wrong: EscalateError. Correct the caller: MisuseError. Stop the process before anything is stored:
InvariantBrokenError. Messages hold ids, counts and lengths; never another tenant, a lease's owner, a payload's hash or
a byte of a key.
"""

from __future__ import annotations

from gossip.schemas.errors import GossipError, MisuseError, PermanentError, RetryableError


class StopShardError(PermanentError):
    """The work on this shard is no longer the caller's: stop at once, write nothing more for it."""


class EscalateError(PermanentError):
    """Nothing that a correct caller of a sound book can meet: a logic error or damaged state."""


class InvariantBrokenError(GossipError):
    """A record that must not exist was about to be stored. Nothing was: end the process."""


class _TimedError(RetryableError):
    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message, at)
        self.at = at
        """Logical time at which another try can succeed; None where nobody knows."""

    def __str__(self) -> str:
        return str(self.args[0])


class AlreadyLeasedError(_TimedError):
    """Somebody works on the shard until `at`."""


class LeaseExpiredError(_TimedError):
    """The deadline has passed: acquire again."""


class ResourceExhaustedError(_TimedError):
    """A store has no room just now. Raised by stores, never by the pure transitions."""


class NoneAvailableError(_TimedError):
    """Nothing to claim before `at`; None if nothing is being worked on either."""


class ThrottledError(_TimedError):
    """This worker claimed too short a time ago: not before `at`."""


class StaleFenceError(StopShardError):
    """The shard was given to somebody since, or by another lease of the same worker."""


class ShardTerminalError(StopShardError):
    """The shard is done, split or parked, or its run has ended."""


class TenantMismatchError(EscalateError):
    """The record belongs to another tenant. The message names the caller's alone."""


class ShardNotFoundError(EscalateError):
    """No such shard of this tenant."""


class RunNotFoundError(EscalateError):
    """No such run of this tenant."""


class OpIdConflictError(MisuseError):
    """The operation id was used before, for something else."""


class ClockError(MisuseError):
    """A time that no working clock gives: zero or less."""


class CheckpointMissingKeyError(MisuseError):
    """A checkpoint says how far the work got; without a key it says nothing."""


class CursorRegressionError(MisuseError):
    """The cursor would go back."""


class CursorOutOfBoundsError(MisuseError):
    """The key is not in the shard's range."""


class CursorKeyTooLargeError(MisuseError):
    """The key is longer than any key may be."""


class CursorTokenTooLargeError(MisuseError):
    """The token is longer than any token may be."""


class SplitInvalidError(MisuseError):
    """The parts of a split do not cover the shard exactly, or there are too many or too few of them."""


class RangeInvalidError(MisuseError):
    """Not a range of keys: its bounds are equal, swapped or too long."""


class HintInvalidError(MisuseError):
    """Not a hint, or not one of this range."""


class PageInvalidError(PermanentError):
    """A connector broke a rule of pages; `rule` is its number. The shard is poisoned."""

    def __init__(self, message: str, rule: int) -> None:
        super().__init__(message, rule)
        self.rule = rule

    def __str__(self) -> str:
        return str(self.args[0])


class CommitOrderError(MisuseError):
    """A step of a commit came too early, twice, or with the receipt of another page."""


class ManifestInvalidError(MisuseError):
    """The shards that a run was to be registered with cannot be its shards."""


class RunConfigError(MisuseError):
    """A run's settings make no sense."""


class RunExistsError(MisuseError):
    """The run was created before."""


class RunConfigMismatchError(MisuseError):
    """The run was created before, with other settings."""


class RunTerminalError(StopShardError):
    """The run has ended."""


class RunStatusError(MisuseError):
    """The run is not in the state that this needs."""


class NotParkedError(MisuseError):
    """Only a parked shard can be unparked."""


class ShardLimitError(MisuseError):
    """The operation would make more shards than `scope` may have: run, tenant or book."""

    def __init__(self, message: str, scope: str) -> None:
        super().__init__(message, scope)
        self.scope = scope

    def __str__(self) -> str:
        return str(self.args[0])
