"""Messages of Kafka topics in, findings and redacted messages out."""
