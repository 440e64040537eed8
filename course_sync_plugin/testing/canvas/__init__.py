"""A fake of Canvas LMS for tests: a stateful HTTP server. Start with ``fake.py``: ``CanvasFake``."""
