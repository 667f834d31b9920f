"""The project: settings, URLs, workers and the `flywheel` command."""

from flywheel.celery import app as celery_app

__all__ = ["celery_app"]
__version__ = "0.1.0"
