"""What may reject a confirmed match, one file a gate. `ORDER` names them in the order in which they are asked."""

ORDER = ("keyword", "entropy", "allowlist", "inline-allow")
