"""Coordination without I/O and without a clock: key ranges, splits, cursors, shards, runs, pages, the commit order."""
