"""Rounds are seen by every process that was forked after they were made."""

from __future__ import annotations

import multiprocessing

from gossip.operators.rounds import Rounds


def _other(rounds: Rounds) -> None:
    assert rounds.running(1)
    rounds.end(1, lost=True)
    rounds.stop()


def test_processes_share_them() -> None:
    """What one process writes, another one reads; targets do not touch each other."""
    rounds = Rounds(3)
    rounds.begin(1)
    rounds.begin(2)
    child = multiprocessing.get_context("fork").Process(target=_other, args=(rounds,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert [rounds.current(each) for each in range(3)] == [0, 1, 1]
    assert [rounds.running(each) for each in range(3)] == [False, False, True]
    assert [rounds.lost(each) for each in range(3)] == [False, True, False]
    assert rounds.stopping
