"""Rules as data: their model, the TOML loader, the compiler and its on-disk cache."""
