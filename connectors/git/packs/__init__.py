"""Reading Git packs delta family by delta family."""
