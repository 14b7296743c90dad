"""What may reject a confirmed match, one file a gate. `engine/detect/judge.py` asks them in their order."""
