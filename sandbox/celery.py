"""The sandbox's Celery: ``CELERY_BROKER_URL=redis://127.0.0.1:6379/0 celery -A sandbox worker``.

It is made without a broker too: tasks would else go to Celery's default app, and that to a RabbitMQ on this machine.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sandbox.settings")

app = Celery("sandbox")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
