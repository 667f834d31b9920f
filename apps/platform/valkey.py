"""The one connection pool to Valkey for what is not Celery's: rate limits and the stream of exposures."""

from __future__ import annotations

import functools

import redis
from django.conf import settings


@functools.cache
def client() -> redis.Redis:
    """Return the process's client. Half a second without an answer is an error: nothing here may hold a request up."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
