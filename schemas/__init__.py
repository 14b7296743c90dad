"""Plain data that crosses layers: frozen dataclasses, protocols and error classes. Imports nothing else of Gossip."""
