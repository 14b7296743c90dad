"""What a worker needs to scan: rules, detector, sources. Built once per thread, when first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import cast

from gossip.engine.decode.content import Policy
from gossip.engine.detect.delta import DeltaDetector
from gossip.engine.detect.detector import Detector
from gossip.engine.findings import FindingMaker, item_of
from gossip.operators.profile import CONFIRM, MATCH, READ, Profile
from gossip.operators.rounds import Rounds
from gossip.operators.spread import Balance
from gossip.schemas.config import ScanConfig
from gossip.schemas.errors import GossipError
from gossip.schemas.finding import Finding
from gossip.schemas.protocols import Commits, Head, HistorySource, Memory, RememberedSource, Source, SourceFactory
from gossip.schemas.units import Place, Target

FirstLook = Callable[[frozenset[int]], Detector]


def _no_first_look(_again: frozenset[int]) -> Detector:
    raise AssertionError("a scan that remembers nothing has no rules that look again")


class Worker:
    """The tools of one run, shared by the operators of a flow.

    A detector owns a scratch space and sources own caches, so each thread gets its own set.
    """

    def __init__(
        self,
        config: ScanConfig,
        sources: SourceFactory,
        detector: Callable[[], Detector],
        memory: Memory | None = None,
        first_look: FirstLook = _no_first_look,
        profile: Profile | None = None,
    ) -> None:
        self.config = config
        self.profile = profile
        """Measures where time goes; None unless somebody asked."""
        self.memory = memory
        """What earlier runs did; None for a scan that remembers nothing."""
        self.rounds: Rounds | None = None
        """Of targets that are scanned again and again; None where each is scanned once."""
        self.look: Callable[[Target], bytes] | None = None
        """How such a target is looked at: its fingerprint, on whatever thread."""
        self.balance: Balance | None = None
        """Where the cluster's size is known: how units are spread; so `walk_balance` for walks."""
        self.walk_balance: Balance | None = None
        self._sources = sources
        self._detector = detector
        self._first_look = first_look
        """Builds the detector that tells whether some rules, by index, find anything in a document."""
        self.commits: Commits | None = None
        """Told what each commit took."""
        self.number = 0
        """Of this process in its cluster."""
        self._local = threading.local()

    def in_cluster(self, processes: int, number: int) -> None:
        """Say which process of how many this one is, each with one worker."""
        self.number = number
        self.balance = Balance(processes, number)
        self.walk_balance = Balance(processes, number)

    def head(self, target: int) -> Head | None:
        """A target as it is now; None where that cannot be known, or nothing is remembered of it."""
        try:
            return cast("RememberedSource", self.tools.source(target)).head()
        except (GossipError, OSError):
            return None

    @property
    def tools(self) -> Tools:
        """This thread's tools."""
        found = getattr(self._local, "tools", None)
        if found is None:
            found = self._local.tools = self._measured_tools()
        return cast("Tools", found)

    def _measured_tools(self) -> Tools:
        profile = self.profile
        if profile is None:
            return Tools(self.config, self._sources, self._detector, self._first_look, self.rounds)

        def source(target: Target) -> Source:
            made = self._sources(target)
            made.open = profile.iterated(READ, made.open)  # type: ignore[method-assign]
            return made

        def detector() -> Detector:
            made = self._detector()
            made.observe(lambda search: profile.timed(MATCH, search))
            made.scan = profile.timed(CONFIRM, made.scan)  # type: ignore[method-assign]
            made.scan_held = profile.timed(CONFIRM, made.scan_held)  # type: ignore[method-assign]
            return made

        return Tools(self.config, source, detector, self._first_look, self.rounds)


class Tools:
    """Detector, finding maker, and the sources and item ids of the targets, by target index."""

    def __init__(
        self,
        config: ScanConfig,
        sources: SourceFactory,
        detector: Callable[[], Detector],
        first_look: FirstLook = _no_first_look,
        rounds: Rounds | None = None,
    ) -> None:
        self._config = config
        self._factory = sources
        self._build = detector
        self._rounds = rounds
        self._sources: dict[int, tuple[int, Source]] = {}
        """By target: the round that the source was opened for, and the source."""
        self._items: dict[int, bytes] = {}
        self._first_look = first_look
        self._deltas: dict[frozenset[int], DeltaDetector] = {}

    @cached_property
    def detector(self) -> Detector:
        """The detector of this thread."""
        return self._build()

    @property
    def whole_blobs(self) -> bool:
        """Whether every blob is scanned as if there were no other."""
        return self._config.whole_blobs

    @cached_property
    def policy(self) -> Policy:
        """What is opened inside documents."""
        return Policy(archives=self._config.archives, binary=self._config.scan_binary)

    @property
    def reachable_only(self) -> bool:
        """Whether findings in objects that no ref leads to are left out."""
        return self._config.reachable_only

    @cached_property
    def maker(self) -> FindingMaker:
        """Makes findings under the run's tenant."""
        config = self._config
        return FindingMaker(self.detector, config.tenant, config.tenant_key, show_secrets=config.show_secrets)

    def source(self, target: int) -> Source:
        """The source of a target. Raises what opening it raises."""
        number = self._rounds.current(target) if self._rounds is not None else 0
        known = self._sources.get(target)
        if known is not None and known[0] == number:
            return known[1]
        if self._rounds is not None:
            self._forget(self._rounds)
        source = self._factory(self._config.targets[target])
        self._sources[target] = (number, source)
        return source

    def _forget(self, rounds: Rounds) -> None:
        """Let go of what belongs to rounds that ended: open files, and what a target was like."""
        over = [t for t, (number, _) in self._sources.items() if number != rounds.current(t) or not rounds.running(t)]
        for target in over:
            del self._sources[target]
            self._items.pop(target, None)

    def delta(self, again: frozenset[int]) -> DeltaDetector:
        """The detector for content at which only some rules have to look again."""
        if again not in self._deltas:
            self._deltas[again] = DeltaDetector(self.detector, lambda: self._first_look(again), again)
        return self._deltas[again]

    def history(self, target: int) -> HistorySource:
        """The source of a target that has a history."""
        return cast("HistorySource", self.source(target))

    def item(self, target: int) -> bytes:
        """The item id of a target."""
        if target not in self._items:
            source = self.source(target)
            self._items[target] = item_of(source.connector, source.instance)
        return self._items[target]

    def name(self, target: int) -> str:
        """What the user called a target."""
        return self._config.targets[target].name

    def path_findings(self, target: int, path: bytes, object_id: str, place: Place | None = None) -> list[Finding]:
        """What rules without a regex say about a document at a path."""
        found = []
        for rule, pending in self.detector.path_findings(path):
            sighting = self.maker.path_sighting(rule, path, object_id, pending)
            finding = self.maker.finding(sighting, place or Place(path), self.name(target), self.item(target))
            if finding is not None:
                found.append(finding)
        return found
