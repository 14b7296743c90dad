"""Baselines: known secrets by hash, so that a scan leaves them out wherever they go: `docs/baseline.md`."""
