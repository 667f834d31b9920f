"""The Celery application: JSON only, late acknowledgement, one message at a time.

A message only says "look"; the rows of ``platform.WorkItem`` are the truth, so a lost or repeated message is harmless.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flywheel.settings")

app = Celery("flywheel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
