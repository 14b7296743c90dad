"""From stored bytes to text worth scanning."""
