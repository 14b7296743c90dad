"""What messages need beside a scan: the text in a field, pairs across messages, and redaction."""
