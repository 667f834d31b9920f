"""The Celery application: JSON only, late acknowledgement, one message at a time.

A message only says "look"; the rows of ``platform.WorkItem`` are the truth, so a lost or repeated message is harmless.
"""

import os

from celery import Celery
from celery.signals import task_prerun
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flywheel.settings")
# Workers are as many as cores: numpy's own threads on top only get in one another's way (finding topics took ten times
# as long on a busy machine).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = Celery("flywheel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


# A worker keeps its connection from one piece of work to the next (CELERY_DB_REUSE_MAX); before each, one that has died
# or has grown old is given up, and the next query asks whether it lives.
@task_prerun.connect
def _give_up_dead_connections(**_: object) -> None:
    close_old_connections()
