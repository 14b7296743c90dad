"""What every source keeps, as tests: for the sources here, and for those of other packages.

A test module of a connector says how its content is made, and gets all tests by inheritance:

    @pytest.fixture
    def world(tmp_path): return World(MySource, Target("notes", f"notes://{tmp_path}", "notes"), {b"a": b"content"})

    class TestMySource(SourceContract):
        pass

Put `pytest.register_assert_rewrite("gossip.connectors.conformance")` into `conftest.py`, and failures show values.
docs/connectors.md has a whole example. This module needs no test library.
"""

from __future__ import annotations

import gc
import os
import pickle
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from gossip.engine.identity import unit_id
from gossip.engine.limits import METADATA_BYTES_MAX
from gossip.schemas.errors import GossipError
from gossip.schemas.protocols import Document, Opened, RememberedSource, Skip, Source
from gossip.schemas.summary import Loss
from gossip.schemas.units import HistoryUnit, PlanReport, ScanUnit, Target

UNIT_BYTES_MAX = 32 * 1024 * 1024
"""Of a unit that holds more than one document: a worker is done with it in about a second."""
UNIT_DOCUMENTS_MAX = 4096
PAYLOAD_BYTES_MAX = 64 * METADATA_BYTES_MAX
PAYLOAD_BYTES_A_DOCUMENT_MAX = METADATA_BYTES_MAX
CONNECTOR_BYTES_MAX = 8
RESUMED_MAX = 5
CANCELLED = 8
_SETTLE_SECONDS = 5.0
_ITEM = bytes(32)

Outcome = tuple[bytes | None, str]


@dataclass
class World:
    """A source and what it is to give. Made anew for each test."""

    make: Callable[[Target], Source]
    target: Target
    content: Mapping[bytes, bytes]
    """By path."""
    placed_later: bool = False
    """Documents have no path: a history places them."""
    change: Callable[[], bytes] | None = None
    """Changes the content of one document and returns its path."""
    remove: Callable[[], bytes] | None = None
    """Removes one document and returns its path."""
    broken: Iterable[Target] = ()
    """Targets that cannot be read: not there, not permitted, no server."""
    spellings: Iterable[Target] = ()
    """The same target, named in another way."""
    credentials: tuple[str, ...] = ()
    """Texts that must not be in anything but requests."""
    remembered: bool = True
    """Whether the source is a RememberedSource."""
    extras: dict[str, Any] = field(default_factory=dict)
    """Whatever a fixture wants to keep alive."""

    def source(self, target: Target | None = None) -> Source:
        """A source that was just opened."""
        return self.make(target or self.target)


def planned(source: Source) -> tuple[list[ScanUnit], PlanReport]:
    """The units of a plan, and its report. Histories are left out."""
    items = list(source.plan())
    assert items, "a plan ends with a report, and so is never empty"
    report = items[-1]
    assert isinstance(report, PlanReport), "the last item of a plan is its report"
    assert sum(isinstance(item, PlanReport) for item in items) == 1, "one report a plan"
    units = [item for item in items if isinstance(item, ScanUnit)]
    histories = sum(isinstance(item, HistoryUnit) for item in items)
    assert (report.units, report.histories) == (len(units), histories), "the report counts what was planned"
    return units, report


def read(opened: Opened) -> tuple[bytes | None, bytes] | Loss | Skip:
    """Path and content of a document; what is none stays as it is."""
    return (opened.path, b"".join(opened.chunks)) if isinstance(opened, Document) else opened


def contents(source: Source, units: Iterable[ScanUnit]) -> list[tuple[bytes | None, bytes]]:
    """Path and content of every document; anything else fails."""
    found = []
    for unit in units:
        for opened in source.open(unit):
            got = read(opened)
            if isinstance(got, Skip):
                continue
            assert not isinstance(got, Loss), f"nothing is lost in a world that is whole: {got}"
            found.append(got)
    return found


def ids(source: Source, units: Iterable[ScanUnit]) -> list[str]:
    """The ids under which units are remembered."""
    remembered = cast("RememberedSource", source)
    return [unit_id(_ITEM, unit.kind, remembered.content_key(unit)).hex() for unit in units]


class SourceContract:
    """Needs a fixture `world`. Each test says what it would mean to break it."""

    def test_full_traversal(self, world: World) -> None:
        """Every document once, with its content and its path: nothing is missed, nothing is scanned twice."""
        source = world.source()
        found = contents(source, planned(source)[0])
        if world.placed_later:
            assert Counter(data for _, data in found) == Counter(world.content.values())
        else:
            assert sorted(found, key=lambda one: one[0] or b"") == sorted(world.content.items())

    def test_second_traversal_is_the_same(self, world: World) -> None:
        """Item by item: units are known again by that."""
        first = list(world.source().plan())
        assert list(world.source().plan()) == first
        if world.remembered:
            source = cast("RememberedSource", world.source())
            assert list(source.fresh().plan()) == first

    def test_a_unit_is_read_anywhere(self, world: World) -> None:
        """In any order, by sources that planned nothing, after a journey to another process."""
        units, _ = planned(world.source())
        whole = contents(world.source(), units)
        apart: list[tuple[bytes | None, bytes]] = []
        for unit in reversed(units):
            apart = contents(world.source(), [pickle.loads(pickle.dumps(unit))]) + apart  # noqa: S301 - our own
        assert apart == whole

    def test_budgets(self, world: World) -> None:
        """Units are small descriptions of little content: one is scanned in about a second, and thousands wait."""
        source = world.source()
        units, report = planned(source)
        assert report.bytes == sum(unit.bytes for unit in units)
        for unit in units:
            documents = sum(isinstance(opened, Document) for opened in source.open(unit))
            size = len(pickle.dumps(unit.payload))
            assert documents <= UNIT_DOCUMENTS_MAX
            assert documents <= 1 or unit.bytes <= UNIT_BYTES_MAX
            assert size <= min(PAYLOAD_BYTES_MAX, max(1, documents) * PAYLOAD_BYTES_A_DOCUMENT_MAX)

    def test_identity(self, world: World) -> None:
        """A short tag, and one instance for every spelling of the target: ids of findings hang on it."""
        source = world.source()
        assert 0 < len(source.connector.encode()) <= CONNECTOR_BYTES_MAX
        for target in (world.target, *world.spellings):
            assert world.source(target).instance == source.instance
            assert world.source(target).connector == source.connector

    def test_versions(self, world: World) -> None:
        """Version and place of a document can be asked for after it was read, and are the same in every run."""
        runs: list[list[tuple[bytes, object]]] = []
        for _ in range(2):
            source, told = world.source(), list[tuple[bytes, object]]()
            for unit in planned(source)[0]:
                for opened in source.open(unit):
                    if isinstance(opened, Document):
                        for _chunk in opened.chunks:
                            pass
                        told.append((opened.version(), opened.place() if opened.place else None))
            runs.append(told)
        assert runs[0] == runs[1]
        assert len({version for version, _ in runs[0]}) == len(runs[0])

    def test_a_document_need_not_be_read(self, world: World) -> None:
        """Policy may leave one out after a look at its beginning, or before."""
        source = world.source()
        units, _ = planned(source)
        names = [opened.name for unit in units for opened in source.open(unit) if isinstance(opened, Document)]
        begun = []
        for unit in units:
            for opened in source.open(unit):
                if isinstance(opened, Document):
                    next(iter(opened.chunks), b"")
                    begun.append(opened.name)
        assert begun == names

    def test_seekable_content(self, world: World) -> None:
        """Where a document can be read from its end, that is the same content, while it is read in sequence too."""
        source = world.source()
        for unit in planned(source)[0]:
            for opened in source.open(unit):
                if isinstance(opened, Document) and opened.seekable is not None:
                    chunks = iter(opened.chunks)
                    begin = next(chunks, b"")
                    with opened.seekable() as file:
                        end = file.seek(0, os.SEEK_END)
                        file.seek(max(0, end - 3))
                        last = file.read()
                        file.seek(0)
                        whole = file.read()
                    assert begin + b"".join(chunks) == whole
                    assert (end, last) == (len(whole), whole[-3:])

    def test_resume_from_any_unit(self, world: World) -> None:
        """Killed after any number of units, and planned again: exactly the rest. Ids that nobody knows drop nothing."""
        if not world.remembered:
            return
        source = world.source()
        units = [
            unit for unit in cast("RememberedSource", source).plan_beyond(frozenset()) if isinstance(unit, ScanUnit)
        ]
        names = ids(source, units)
        assert len(set(names)) == len(names), "two units of one id: one of them would never be scanned"
        whole = contents(source, units)
        for done in sorted({len(units) * part // RESUMED_MAX for part in range(RESUMED_MAX + 1)}):
            known = {*names[:done], "0" * 64, "corrupted"}
            again = cast("RememberedSource", world.source())
            items = list(again.plan_beyond(frozenset()))
            assert isinstance(items[-1], PlanReport)
            later = [unit for unit in items if isinstance(unit, ScanUnit)]
            rest = [unit for unit, name in zip(later, ids(again, later), strict=True) if name not in known]
            assert contents(again, units[:done]) + contents(again, rest) == whole

    def test_a_change_is_seen(self, world: World) -> None:
        """What was changed is in the units that are new, and the fingerprint tells that there are some."""
        if world.change is None or not world.remembered:
            return
        source = cast("RememberedSource", world.source())
        before = source.fingerprint()
        assert cast("RememberedSource", world.source()).fingerprint() == before
        known = set(ids(source, planned(source)[0]))
        path = world.change()
        later = cast("RememberedSource", world.source())
        assert later.fingerprint() != before
        units = [unit for unit in later.plan_beyond(frozenset()) if isinstance(unit, ScanUnit)]
        new = [unit for unit, name in zip(units, ids(later, units), strict=True) if name not in known]
        found = dict(contents(later, new))
        assert path in found
        assert found[path] != world.content[path]

    def test_what_has_gone(self, world: World) -> None:
        """A document that is removed after it was planned is a loss that says so, and costs no other one."""
        if world.remove is None:
            return
        source = world.source()
        units, _ = planned(source)
        path = world.remove()
        found: dict[bytes | None, bytes] = {}
        losses = []
        for unit in units:
            for opened in source.open(unit):
                got = read(opened)
                if isinstance(got, Loss):
                    losses.append(got)
                elif not isinstance(got, Skip):
                    found[got[0]] = got[1]
        assert [loss.kind for loss in losses] == ["vanished"]
        assert found == {name: data for name, data in world.content.items() if name != path}

    def test_error_classes(self, world: World) -> None:
        """What cannot be opened is an error of ours, in one line: nothing else tells a runner what to do."""
        for target in world.broken:
            try:
                list(world.source(target).plan())
            except GossipError as err:
                line = str(err)
                assert line, "an error says what is wrong"
                assert "\n" not in line
                assert not any(word in line for word in world.credentials)
            else:
                raise AssertionError(f"{target.name}: planned, though it is broken")

    def test_no_credentials(self, world: World) -> None:
        """Units travel, are logged and stored; losses and findings are shown."""
        source = world.source()
        shown: list[object] = [source.instance, repr(source), world.target.name]
        for item in source.plan():
            shown += [repr(item), pickle.dumps(item)]
            if isinstance(item, ScanUnit):
                for opened in source.open(item):
                    if isinstance(opened, Document):
                        shown += [opened.name, opened.path, opened.object_id, opened.version()]
                        shown.append(opened.place() if opened.place else None)
                    else:
                        shown.append(repr(opened))
        text = "\n".join(one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in shown)
        for word in world.credentials:
            assert word not in text

    def test_cancellation(self, world: World) -> None:
        """A plan or a unit that is given up half-way leaves no thread and no file behind, and harms no later one."""
        units, _ = planned(world.source())
        whole = contents(world.source(), units)
        gc.collect()
        before = threading.active_count(), _handles()
        for _ in range(CANCELLED):
            source = world.source()
            plan = cast("Iterator[object]", iter(source.plan()))
            next(plan, None)
            _close(plan)
            opened = iter(source.open(units[0]))
            next(opened, None)
            _close(opened)
        del opened, plan, source
        deadline = time.monotonic() + _SETTLE_SECONDS
        while not _settled(before) and time.monotonic() < deadline:
            gc.collect()
            time.sleep(0.05)
        assert _settled(before), f"threads and handles: {before} before, {(threading.active_count(), _handles())} after"
        assert contents(world.source(), units) == whole


def _settled(before: tuple[int, int]) -> bool:
    """A library may keep a thread and a connection of its own; there must not be more for each attempt."""
    return threading.active_count() < before[0] + CANCELLED and _handles() < before[1] + CANCELLED


def _handles() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def _close(iterator: object) -> None:
    close = getattr(iterator, "close", None)
    if close is not None:
        close()
