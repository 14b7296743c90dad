"""The folder that a remembered scan keeps between runs. `docs/state.md` describes it."""
