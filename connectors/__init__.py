"""Where bytes come from and where results go."""
