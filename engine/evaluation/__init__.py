"""How well findings agree with labels: matching, metrics, comparison with an earlier report. Pure, like the engine."""
