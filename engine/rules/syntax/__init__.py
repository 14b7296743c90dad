"""Reading RE2 regular expressions as trees: widths, Vectorscan forms, and (later) mandatory literals."""
