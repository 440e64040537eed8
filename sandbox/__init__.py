"""The sandbox host. Whoever imports it, its settings included, has its Celery app."""

from sandbox.celery import app as celery_app

__all__ = ["celery_app"]
