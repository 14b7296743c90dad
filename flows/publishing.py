"""Events of a scan or a watch to a topic: where they go, checked before anything is started, and what was left over."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import TYPE_CHECKING

from gossip.flows.supervisor import ClusterError, describe, root_cause
from gossip.schemas.errors import MisuseError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from multiprocessing.connection import Connection

    from gossip.connectors.kafka.events import EventTopic


def pairs_of(texts: Iterable[str]) -> dict[str, str]:
    """What `--kafka-option` was given. Raises MisuseError."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise MisuseError(f"--kafka-option {name}: write KEY=VALUE")
        found[name] = value
    return found


def event_topic(url: str, options: Mapping[str, str], min_confidence: int) -> EventTopic:
    """The topic of an address. Raises MisuseError, and errors of ours where the cluster does not answer."""
    from gossip.connectors.kafka.address import parse_address
    from gossip.connectors.kafka.client import Client
    from gossip.connectors.kafka.events import EventTopic
    from gossip.connectors.kafka.security import security_of

    address = parse_address(url)
    client = Client(address, security_of(options, os.environ))
    return EventTopic(client, client.topic(address), min_confidence)


def apart(work: Callable[[], object]) -> None:
    """Do something in a process of its own, and wait for it. Raises ClusterError with what it raises there.

    It loads libraries with threads, which a process that forks workers later must not have.
    """
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_run, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        failed = ours.recv()
    except EOFError:
        process.join()
        raise ClusterError(f"a process beside ended with status {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if failed is not None:
        text, lasting = failed
        raise ClusterError(text, lasting=lasting)


def _run(work: Callable[[], object], said: Connection) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        work()
        said.send(None)
    except BaseException as err:
        said.send((describe(err), not isinstance(root_cause(err), RetryableError)))
    os._exit(0)
