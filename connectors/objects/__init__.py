"""Objects in stores and on servers: whatever fsspec reads."""
