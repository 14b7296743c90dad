"""Filter expressions of other tools: a small language without side effects."""
