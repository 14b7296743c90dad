"""Gossip finds leaked secrets in things that keep changing."""

__version__ = "0.1.0"
