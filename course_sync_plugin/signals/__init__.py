"""Receives the signals of the host, notes publishes, and wakes the Celery tasks."""
