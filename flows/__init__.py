"""Dataflows, the supervisor that runs them on several processes, and the command line."""
