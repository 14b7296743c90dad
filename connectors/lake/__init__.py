"""The lake: Delta tables of occurrences, ledger and runs, in a folder or a bucket. `docs/lake.md` describes them."""
