"""Pure detection: bytes in, findings out. No dataflow, no network, no clock; the only files it reads are rule files."""
