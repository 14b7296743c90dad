"""A local cluster: the flow on N processes of this machine, watched by the one that started them.

The children are forked after rules and detector were built, so they start in milliseconds and share that memory. Each
has a pipe on which it reports: results (from the one that owns the results partition), its error, or its regular end.
All of them also hold the reading end of one pipe that nobody writes to: when the parent is gone, however it ended, that
pipe closes and they exit. When one child dies the others would panic or wait for ever, so the parent ends all of them.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from bytewax.dataflow import Dataflow

from gossip.schemas.errors import GossipError, MisuseError, PermanentError
from gossip.schemas.protocols import ResultWriter

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from gossip.schemas.units import UnitResult

_PORTS = range(10240, 32000)
"""Below the range from which systems hand out ports of their own accord."""
_END_SECONDS = 5.0
_LISTEN_SECONDS = 2.0
_SWITCH_SECONDS = 0.25
_GARBAGE_OBJECTS = 50_000
"""More objects made than dropped before young ones are looked at; by default 700."""
_PANIC = "PanicException"
"""What the runtime raises in processes that lost another one."""
_STOPPING = (signal.SIGINT, signal.SIGTERM)
TICK_SECONDS = 0.5
_LOOPBACK = "127.0.0.1"

FlowFactory = Callable[[Callable[[], ResultWriter], int], Dataflow]
"""Makes the flow, given a factory of result writers and the number of the process it is for."""


class Farewell(NamedTuple):
    """The last words of a child."""

    say: Callable[[int], Any]
    """Called in the child, with its number, when its flow has ended."""
    hear: Callable[[Any], None]
    """Called in the parent with what a child said."""


class ClusterError(GossipError):
    """A process of the cluster failed. The text is that process's own error.

    `lasting`: it says of itself that the same would happen again.
    """

    def __init__(self, text: str, *, lasting: bool = False) -> None:
        super().__init__(text)
        self.lasting = lasting


class Interrupted(Exception):
    """A signal asked the run to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass(slots=True)
class _Child:
    process: BaseProcess
    pipe: Connection
    stderr: IO[bytes]
    ended: bool = False


class PipeWriter:
    """Sends results to the parent. A `ResultWriter`."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def write(self, result: UnitResult) -> None:
        """Blocks while the parent is behind: an output that is slow slows the scan, memory stays bounded."""
        self._pipe.send(("result", result))

    def failed(self, err: BaseException) -> None:
        """Say at once what went wrong: the runtime hides it behind the panic of its own threads."""
        with contextlib.suppress(OSError):
            self._pipe.send(("error", _told(err)))

    def close(self) -> None:
        """The end is reported by the process, not by its writer."""


def run_single(flow: Dataflow) -> None:
    """Run the flow in this process. Raises what its code raised, without the runtime's wrapping; Interrupted on
    signals.
    """
    from bytewax._bytewax import run_main

    settle_heap()
    with _signals(), _quiet_runtime():
        try:
            run_main(flow)
        except Exception as err:
            cause = root_cause(err)
            if isinstance(cause, GossipError | Interrupted | BrokenPipeError):
                raise cause from err
            raise


def run_cluster(
    processes: int,
    make_flow: FlowFactory,
    on_result: Callable[[UnitResult], None],
    started: Callable[[], None] = lambda: None,
    tick: Callable[[], None] | None = None,
    farewell: Farewell | None = None,
) -> None:
    """Run the flow on `processes` processes; every result is handed to `on_result` in this one.

    `started` is called once the children run: threads of the caller must not exist before, or they would not survive.
    `tick` is called about every second; with it, signals are the caller's, and what it raises ends the run.
    `farewell`: what each child says when its work is done, and what is made of it here.

    Returns when all of them ended well. Raises ClusterError with the error of the first child that failed,
    Interrupted on
    SIGINT and SIGTERM, and whatever `on_result` raises; in each case no child is left.
    """
    addresses = [f"{_LOOPBACK}:{port}" for port in free_ports(processes)]
    lifeline = os.pipe()
    children: list[_Child] = []
    with _signals() if tick is None else contextlib.nullcontext():
        try:
            for number in range(processes):
                children.append(_start(number, addresses, make_flow, lifeline, children, farewell))
                if number < processes - 1:  # the last one connects to all others, and nobody to it
                    _await_listener(children[-1], addresses[number])
            started()
            _follow(children, on_result, tick, farewell)
        finally:
            _end(children)
            for handle in lifeline:
                os.close(handle)


@contextlib.contextmanager
def _quiet_runtime() -> Iterator[None]:
    """Keep the runtime's own words off the terminal.

    It prints a backtrace for every exception that passes through it, also for those that are no errors here: a reader
    that left, an interruption. What Python code writes to `sys.stderr` still arrives.
    """
    sys.stderr.flush()
    kept, python_stderr = os.dup(2), sys.stderr
    with tempfile.TemporaryFile() as words, open(kept, "w", buffering=1, closefd=False) as direct:
        os.dup2(words.fileno(), 2)
        sys.stderr = direct
        try:
            yield
        finally:
            sys.stderr = python_stderr
            os.dup2(kept, 2)
            os.close(kept)


def settle_heap() -> None:
    """Look less often for garbage in circles, and never at what was there before the scan: the rules live to its end.

    A scan makes millions of small objects that go at once, and hardly any circles. With the defaults, looking for them
    takes a twelfth of a walk's time, and writes to memory that processes share.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_OBJECTS)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nothing listens on now, all different."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(_PORTS, len(_PORTS)):
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((_LOOPBACK, port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    raise ClusterError(f"no {count} free ports on {_LOOPBACK}")


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """SIGINT and SIGTERM raise Interrupted in the main thread; elsewhere signals are the caller's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: object) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, stop) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(
    number: int,
    addresses: list[str],
    make_flow: FlowFactory,
    lifeline: tuple[int, int],
    before: list[_Child],
    farewell: Farewell | None,
) -> _Child:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with its child

    def main() -> None:
        os.close(lifeline[1])
        for child in before:
            child.pipe.close()
        ours.close()
        os.dup2(stderr.fileno(), 2)
        _child_main(number, addresses, make_flow, theirs, lifeline[0], farewell)

    process = context.Process(target=main, name=f"gossip-{number}", daemon=True)
    # A signal between the fork and the child's own handlers would be taken for the parent's: it waits.
    before_fork = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before_fork)
    theirs.close()
    return _Child(process, ours, stderr)


def _await_listener(child: _Child, address: str) -> None:
    """Wait until a child listens: one that comes too early to its predecessors sleeps a whole second before it retries.

    A test connection would be taken for a worker. But an address on which somebody listens cannot be bound, while one
    that
    is only bound by two sockets that allow it can.
    """
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + _LISTEN_SECONDS
    while time.monotonic() < deadline and child.process.is_alive():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, int(port)))
            except OSError:
                return
        time.sleep(0.002)


def _child_main(
    number: int,
    addresses: list[str],
    make_flow: FlowFactory,
    pipe: Connection,
    lifeline: int,
    farewell: Farewell | None,
) -> None:
    from bytewax._bytewax import cluster_main

    # A terminal, or who stops a service, signals every process; only the parent decides what it means.
    for each in (*_STOPPING, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    # The runtime scans on a thread of its own, while this one wakes every millisecond to look for signals. Let it
    # wait for
    # the interpreter's lock until the scan gives it up by itself, which it does often enough.
    sys.setswitchinterval(_SWITCH_SECONDS)
    settle_heap()
    threading.Thread(target=_exit_with_parent, args=(lifeline,), daemon=True).start()
    try:
        cluster_main(make_flow(lambda: PipeWriter(pipe), number), addresses, number)
        pipe.send(("end", farewell.say(number) if farewell else None))
    except BaseException as err:
        with contextlib.suppress(OSError):
            pipe.send(("error", _told(err)))
        os._exit(1)
    # Skips the runtime's own threads, which have nothing left to do and may not end by themselves.
    os._exit(0)


def _exit_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(1)


def describe(err: BaseException) -> str:
    """One line for an exception of a flow: what our own code raised, not the runtime's wrapping of it."""
    err = root_cause(err)
    text = str(err) if isinstance(err, GossipError) else f"{type(err).__name__}: {err}"
    return " ".join(text.split())


def _told(err: BaseException) -> tuple[str, bool]:
    """What a child says of its error: one line, and whether it would happen again."""
    return describe(err), isinstance(root_cause(err), PermanentError | MisuseError)


def root_cause(err: BaseException) -> BaseException:
    """What our own code raised, under the layers that the runtime put around it."""
    while err.__cause__ is not None and not isinstance(err, GossipError):
        err = err.__cause__
    return err


def _follow(
    children: list[_Child],
    on_result: Callable[[UnitResult], None],
    tick: Callable[[], None] | None,
    farewell: Farewell | None,
) -> None:
    """Until every child reported its end."""
    due = time.monotonic()
    while any(not child.ended for child in children):
        if tick is not None and time.monotonic() >= due:
            tick()
            due = time.monotonic() + TICK_SECONDS
        by_pipe = {child.pipe: child for child in children if not child.ended}
        for pipe in wait(list(by_pipe), None if tick is None else TICK_SECONDS):
            assert isinstance(pipe, Connection)
            child = by_pipe[pipe]
            try:
                kind, value = pipe.recv()
            except (EOFError, OSError):
                child.process.join(_END_SECONDS)
                raise ClusterError(_death(child)) from None
            if kind == "result":
                on_result(value)
            elif kind == "end":
                child.ended = True
                if farewell is not None:
                    farewell.hear(value)
            else:
                text, lasting = value
                raise ClusterError(_first_error(text, child, children), lasting=lasting)


def _first_error(text: str, child: _Child, children: list[_Child]) -> str:
    """The cause among several reports: a child that died takes the others down with errors of their own."""
    for other in children if text.startswith(_PANIC) else ():
        if other is not child and not other.ended:
            other.process.join(0.2)
            if (other.process.exitcode or 0) < 0:
                return _death(other)
    return f"worker process {children.index(child)} failed: {text}"


def _death(child: _Child) -> str:
    code = child.process.exitcode
    if code is not None and code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
    else:
        how = f"ended with status {code}"
    child.stderr.seek(0)
    said = child.stderr.read().decode("utf-8", "replace").strip().splitlines()
    return f"{child.process.name}: {how}" + (f": {said[-1].strip()}" if said else "")


def _end(children: list[_Child]) -> None:
    """Nothing is left behind: children that still run are killed, for they have no state to save."""
    for child in children:
        if child.process.is_alive() and not child.ended:
            child.process.kill()
    for child in children:
        child.process.join(_END_SECONDS)
        if child.process.is_alive():
            child.process.kill()
            child.process.join()
        child.pipe.close()
        child.stderr.close()


def supported() -> bool:
    """Whether this system can fork workers safely."""
    return sys.platform == "linux"
