"""A remembered run: its state folder, its policy, its memory in the lake, and its row there."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gossip.engine.identity import scan_policy
from gossip.engine.rules.delta import sheet_of
from gossip.flows.mirrors import is_waiting
from gossip.flows.urls import is_elsewhere
from gossip.schemas.config import parsed_key
from gossip.schemas.errors import MisuseError
from gossip.schemas.ledger import LaneContext, RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gossip.connectors.kafka.events import EventTopic
    from gossip.connectors.lake.memory import LakeMemory
    from gossip.connectors.state.folder import State
    from gossip.connectors.state.pending import Pending
    from gossip.engine.detect.detector import Detector
    from gossip.engine.rules.model import RuleSet
    from gossip.flows.cli.options import ScanOptions
    from gossip.schemas.config import ScanConfig
    from gossip.schemas.protocols import Outbox
    from gossip.schemas.summary import Summary

KEY_VARIABLE = "GOSSIP_TENANT_KEY"
_NO_KEY = bytes(32)
_RUN_ID_BYTES = 16


class SessionMemory:
    """A `Memory`: the truth in the lake, and what is pending beside it."""

    def __init__(self, lake: LakeMemory, pending: Pending) -> None:
        self.lanes = lake.lanes
        self.known = lake.known
        self.lane = lake.lane
        self.outbox = lake.outbox
        self.pending = pending
        self.keep = pending.keep
        self.find = pending.find
        self.drop = pending.drop


class Session:
    """One run on a state. Nothing of the Delta library may be used in this process before the run has forked."""

    context: LaneContext
    memory: SessionMemory

    def __init__(self, state: State, to: EventTopic | None = None) -> None:
        self.state = state
        self._to = to
        self._started = datetime.now(UTC)

    def begin(self, config: ScanConfig, detector: Detector) -> None:
        """Say what will run."""
        from gossip.connectors.lake.memory import LakeMemory
        from gossip.connectors.lake.standing import Running
        from gossip.connectors.state.pending import Pending

        rules = detector.rule_set
        self._config = config
        self._rules = rules
        policy = policy_of(config, rules).hex()
        options = scan_policy(_NO_KEY, _options_text(config)).hex()
        wordless = detector.wordless if config.decode == "anchors" else frozenset[int]()
        running = Running(rules, sheet_of(rules, wordless), options)
        run_id = secrets.token_hex(_RUN_ID_BYTES)
        self.context = LaneContext(config.tenant, policy, rules.digest.hex(), run_id)
        self.memory = SessionMemory(
            LakeMemory(self.state.lake, self.context, self.state.lanes, self.state.unparked, running, self._outbox()),
            Pending(self.state.folder, policy),
        )

    def _outbox(self) -> Callable[[int, Callable[[int, int], set[str]]], Outbox] | None:
        to, folder = self._to, self.state.folder
        if to is None:
            return None
        from gossip.connectors.kafka.events import Outbox

        return lambda lane, written: Outbox(to, folder, lane, written)

    def send_rest(self) -> None:
        """Send events that earlier runs had committed and not sent. Raises errors of ours.

        In a process of its own: neither client has been used in this one before it forks.
        """
        if self._to is None:
            return
        from gossip.connectors.kafka.events import staged_lanes
        from gossip.flows.publishing import apart

        lanes = staged_lanes(self.state.folder)
        if lanes:
            apart(lambda: [self.memory.outbox(lane) for lane in lanes])

    def end(self, summary: Summary, *, keep_pending: bool = False) -> None:
        """Write the run's row; what is pending is over then, unless it is to be kept. Raises errors of the storage."""
        from gossip.connectors.lake.runs import write_run

        config = replace(self._config, tenant_key=_NO_KEY, cache_folder=None)
        run = RunRecord(
            run_id=self.context.run_id,
            tenant=self.context.tenant,
            config_digest=scan_policy(self._rules.policy_hash, repr(config).encode("utf-8", "surrogateescape")).hex(),
            rules_digest=self.context.rules_digest,
            rule_fingerprints=tuple((rule.id, rule.fingerprint.hex()) for rule in self._rules.rules),
            started_at=self._started,
            finished_at=datetime.now(UTC),
        )
        write_run(self.state.lake, run, summary)
        if not keep_pending and "interrupted" not in summary.losses:
            self.memory.pending.clear()


def policy_of(config: ScanConfig, rules: RuleSet) -> bytes:
    """What decides whether an earlier scan of the same content still counts: 32 bytes.

    Not in it: what is planned (each unit says that itself), and what is shown.
    """
    return scan_policy(rules.policy_hash, _options_text(config))


def _options_text(config: ScanConfig) -> bytes:
    options = (config.decode, config.decode_depth, config.archives, config.scan_binary, config.reachable_only)
    return repr(options).encode()


@contextmanager
def remembering(options: ScanOptions, config: ScanConfig, to: EventTopic | None = None) -> Iterator[Session | None]:
    """Hold the state that the options name; None where they name none. Raises MisuseError."""
    if options.state is None:
        if options.lake is not None:
            raise MisuseError("--lake is for a remembered scan: give --state DIR too")
        yield None
        return
    for wrong, name in ((options.staged, "--staged"), (options.since is not None, "--since")):
        if wrong:
            raise MisuseError(f"--state and {name} exclude each other: a remembered scan knows itself what is new")
    for target in config.targets:
        if target.kind == "stdin":
            raise MisuseError(
                "--state: standard input cannot be told apart from run to run; name files or repositories"
            )
        if not is_waiting(target) and not is_elsewhere(target) and _within(options.state, target.location):
            raise MisuseError(f"--state {options.state}: lies in the target {target.name}; choose a folder elsewhere")
    key = config.tenant_key if options.tenant_key_file is not None else None
    with held_state(options.state, key, options.lake, options.storage_options) as state:
        yield Session(state, to)


@contextmanager
def held_state(folder: str, key: bytes | None, lake: str | None, storage: Iterable[str]) -> Iterator[State]:
    """Hold a state folder, made if it is not there, with its lake. Raises MisuseError.

    `key`: of the file that the user named; `storage`: `--storage-option` as typed.
    """
    from gossip.connectors.state.folder import held, open_state
    from gossip.flows.cli.lake import storage_options

    key = given_key(key)
    with held(folder):
        yield open_state(folder, key=key, lake=lake, options=storage_options(storage))


def given_key(of_file: bytes | None) -> bytes | None:
    """The tenant key that the user gave: a file's, else the environment's. Raises MisuseError."""
    if of_file is not None:
        return of_file
    text = os.environb.get(KEY_VARIABLE.encode())
    return parsed_key(text, KEY_VARIABLE) if text else None


def _within(folder: str, target: str) -> bool:
    """Whether a folder lies in a target, where every run would find it changed."""
    inner, outer = os.path.realpath(folder), os.path.realpath(target)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)
