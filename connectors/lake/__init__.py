"""The lake: Delta tables of occurrences, ledger, runs and verdicts, in a folder or a bucket: `docs/lake.md`."""
