"""The sandbox's Celery app: ``CELERY_BROKER_URL=redis://127.0.0.1:6379/0 celery -A sandbox worker``.

The app exists without a broker too. Otherwise tasks would use Celery's default app, which looks for a RabbitMQ on the
local machine.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sandbox.settings")

app = Celery("sandbox")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
