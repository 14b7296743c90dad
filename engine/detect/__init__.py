"""Detection: prefilter, windows, confirmation, gates."""
