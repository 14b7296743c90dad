from __future__ import annotations

import inspect
import pickle

import pytest

from gossip.engine.shards import errors
from gossip.schemas.errors import GossipError, MisuseError, PermanentError, RetryableError

REACTIONS: dict[type[GossipError], set[str]] = {
    RetryableError: {"AlreadyLeased", "LeaseExpired", "ResourceExhausted", "NoneAvailable", "Throttled"},
    errors.StopShardError: {"StaleFence", "ShardTerminal", "RunTerminal"},
    errors.EscalateError: {"TenantMismatch", "ShardNotFound", "RunNotFound"},
    MisuseError: {
        "OpIdConflict",
        "Clock",
        "CheckpointMissingKey",
        "CursorRegression",
        "CursorOutOfBounds",
        "CursorKeyTooLarge",
        "CursorTokenTooLarge",
        "SplitInvalid",
        "RangeInvalid",
        "HintInvalid",
        "CommitOrder",
        "ManifestInvalid",
        "RunConfig",
        "RunExists",
        "RunConfigMismatch",
        "RunStatus",
        "NotParked",
        "ShardLimit",
    },
    PermanentError: {"PageInvalid"},
    GossipError: {"InvariantBroken"},
}
CLASSES = {
    name.removesuffix("Error"): kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if kind.__module__ == errors.__name__ and not name.startswith("_")
}


def test_class_alone_decides_the_reaction() -> None:
    """Every condition has exactly one reaction, and none is left out."""
    bases = {"StopShard", "Escalate"}
    assert set(CLASSES) - bases == {name for names in REACTIONS.values() for name in names}
    order = [RetryableError, errors.StopShardError, errors.EscalateError, MisuseError, PermanentError, GossipError]
    for reaction, names in REACTIONS.items():
        for name in names:
            assert next(kind for kind in order if issubclass(CLASSES[name], kind)) is reaction, name


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_errors_cross_processes(name: str) -> None:
    """With their message, and with what they know beyond it."""
    extra = {"PageInvalid": (4,), "ShardLimit": ("run",)}.get(name, ())
    if issubclass(CLASSES[name], RetryableError):
        extra = (17,)
    error = CLASSES[name]("what, where, which value", *extra)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), "what, where, which value", vars(error))
