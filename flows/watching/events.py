"""Push events on a topic: a repository that was pushed to is looked at at once, not when its interval is over.

They are read in a process of their own, forked with the workers and ended with them: a client has threads, which a
process that forks must not have. What is told to the lanes lies in the memory that all of them share.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import TYPE_CHECKING

from gossip.flows.sources import open_source
from gossip.flows.supervisor import describe
from gossip.flows.watching.journal import log
from gossip.schemas.errors import GossipError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.process import BaseProcess

    from gossip.connectors.git.urls import Remote
    from gossip.operators.rounds import Rounds
    from gossip.schemas.units import Target

RETRY_SECONDS = 10.0
UNKNOWN_SAID_SECONDS = 300.0


class Directory:
    """Which targets a repository is: by its URL, as clones name their origin, or by the end of a path."""

    def __init__(self, targets: tuple[Target, ...], remotes: Mapping[int, Remote]) -> None:
        self._by_url: dict[str, set[int]] = {}
        self._paths: list[tuple[str, int]] = []
        for target in targets:
            if target.kind != "git":
                continue
            if target.index in remotes:
                identity = remotes[target.index].identity.lower()
                self._by_url.setdefault(identity, set()).add(target.index)
                self._paths.append(("/" + identity, target.index))
                continue
            try:
                instance = os.fsdecode(open_source(target).instance)
            except (GossipError, OSError):
                instance = ""  # looking at it will say why
            if instance:
                self._by_url.setdefault(instance.lower(), set()).add(target.index)
            path = os.path.realpath(target.location).removesuffix("/.git").removesuffix(".git")
            self._paths.append((path.lower(), target.index))

    def find(self, urls: tuple[str, ...], names: tuple[str, ...]) -> set[int]:
        """Indices of targets. URLs decide; names only where no URL is known."""
        from gossip.connectors.git.urls import normal_url

        found = {index for url in urls for index in self._by_url.get(normal_url(url).lower(), ())}
        if found:
            return found
        ends = tuple("/" + name.lower().removesuffix(".git") for name in names if "/" in name)
        return {index for path, index in self._paths if ends and path.endswith(ends)}


class EventReader:
    """Reads push events for one cluster of workers; `start` before anything of a client was used in this process."""

    def __init__(self, url: str, kafka: dict[str, str], remotes: Mapping[int, Remote]) -> None:
        self._url = url
        self._remotes = remotes
        self._kafka = kafka
        self._process: BaseProcess | None = None

    def start(self, rounds: Rounds, targets: tuple[Target, ...]) -> None:
        """Fork the reader."""
        parent = os.getpid()
        process = multiprocessing.get_context("fork").Process(
            target=self._main, args=(rounds, targets, parent), name="gossip-events", daemon=True
        )
        process.start()
        self._process = process

    def stop(self) -> None:
        """End it: it has nothing to keep."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def _main(self, rounds: Rounds, targets: tuple[Target, ...], parent: int) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        directory = Directory(targets, self._remotes)
        said = ""
        while _alive(parent):
            try:
                self._follow(rounds, directory, parent)
            except Exception as err:  # looks go on without it
                text = describe(err)
                if text != said:
                    log(f"events: {text}; targets are looked at in their intervals; trying again")
                said = text
                time.sleep(RETRY_SECONDS)
        os._exit(0)

    def _follow(self, rounds: Rounds, directory: Directory, parent: int) -> None:
        from gossip.connectors.kafka.address import parse_address
        from gossip.connectors.kafka.client import Client
        from gossip.connectors.kafka.security import security_of
        from gossip.connectors.kafka.webhooks import bodies, repository_names

        client = Client(parse_address(self._url), security_of(self._kafka, os.environ))
        unknown, say_at = 0, 0.0
        for body in bodies(client, lambda: _alive(parent)):
            names = repository_names(body)
            found = directory.find(*names) if names else set()
            for index in found:
                rounds.call(index)
            unknown += not found
            if unknown and time.monotonic() >= say_at:
                say_at = time.monotonic() + UNKNOWN_SAID_SECONDS
                log(f"events: {unknown:,} about no repository of this watch so far")


def _alive(parent: int) -> bool:
    return os.getppid() == parent
