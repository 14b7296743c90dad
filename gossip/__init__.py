"""Gossip finds leaked secrets in things that keep changing.

`Scanner` scans from a program; `Finding`, `Loss` and `Scanned` are what it gives back, GossipError what it raises.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gossip.flows.library import Scanned, Scanner
    from gossip.schemas.errors import GossipError
    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Loss

__version__ = "0.1.0"
__all__ = ["Finding", "GossipError", "Loss", "Scanned", "Scanner", "__version__"]

_PLACES = {
    "Finding": "gossip.schemas.finding",
    "GossipError": "gossip.schemas.errors",
    "Loss": "gossip.schemas.summary",
    "Scanned": "gossip.flows.library",
    "Scanner": "gossip.flows.library",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and no more: the command line starts faster than a scanner is built."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
