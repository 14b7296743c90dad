"""`gossip stream`: messages in, findings and redacted messages out."""
