"""The three error classes. A runner decides what to do next from the class alone, never from the message.

A message says what, where, which value and what to try. It never holds a secret or a byte of a scanned document.
"""

from __future__ import annotations


class GossipError(Exception):
    """Base of every error that Gossip raises on purpose. `str(error)` is one line, fit for a terminal."""

    loss_kind = "unreadable"
    """Kind of the loss where it kept something from being scanned."""


class RetryableError(GossipError):
    """The same call may succeed later: a network time-out, a locked repository, a full disk that may be cleared."""


class PermanentError(GossipError):
    """The same call will fail again on the same input: a damaged object, a denied permission, a format we cannot
    read.
    """


class MisuseError(GossipError):
    """The caller asked for something that cannot be done: a wrong option, a bad rule file, no such path. Exit code
    2.
    """
