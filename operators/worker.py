"""What a worker needs to scan: rules, detector, sources. Built once per thread, when first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import cast

from gossip.engine.decode.content import Policy
from gossip.engine.detect.detector import Detector
from gossip.engine.findings import FindingMaker, item_of
from gossip.operators.profile import CONFIRM, MATCH, READ, Profile
from gossip.operators.spread import Balance
from gossip.schemas.config import ScanConfig
from gossip.schemas.finding import Finding
from gossip.schemas.protocols import HistorySource, Memory, Source, SourceFactory
from gossip.schemas.units import Place, Target


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
        profile: Profile | None = None,
    ) -> None:
        self.config = config
        self.profile = profile
        """Measures where time goes; None unless somebody asked."""
        self.memory = memory
        """What earlier runs did; None for a scan that remembers nothing."""
        self.balance: Balance | None = None
        """Where the cluster's size is known: how units are spread; so `walk_balance` for walks."""
        self.walk_balance: Balance | None = None
        self._sources = sources
        self._detector = detector
        self._local = threading.local()

    def in_cluster(self, processes: int, number: int) -> None:
        """Say which process of how many this one is, each with one worker."""
        self.balance = Balance(processes, number)
        self.walk_balance = Balance(processes, number)

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
            return Tools(self.config, self._sources, self._detector)

        def source(target: Target) -> Source:
            made = self._sources(target)
            made.open = profile.iterated(READ, made.open)  # type: ignore[method-assign]
            return made

        def detector() -> Detector:
            made = self._detector()
            made.observe(lambda search: profile.timed(MATCH, search))
            made.scan = profile.timed(CONFIRM, made.scan)  # type: ignore[method-assign]
            return made

        return Tools(self.config, source, detector)


class Tools:
    """Detector, finding maker, and the sources and item ids of the targets, by target index."""

    def __init__(self, config: ScanConfig, sources: SourceFactory, detector: Callable[[], Detector]) -> None:
        self._config = config
        self._factory = sources
        self._build = detector
        self._sources: dict[int, Source] = {}
        self._items: dict[int, bytes] = {}

    @cached_property
    def detector(self) -> Detector:
        """The detector of this thread."""
        return self._build()

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
        if target not in self._sources:
            self._sources[target] = self._factory(self._config.targets[target])
        return self._sources[target]

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
