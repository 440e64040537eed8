"""The sandbox: a small Django host for development and the demo. Each import of its modules loads its Celery app."""

from sandbox.celery import app as celery_app

__all__ = ["celery_app"]
