"""Is the process alive, and are the things it needs?"""

from __future__ import annotations

import redis
from django.conf import settings
from django.db import connection
from django.db.utils import Error as DatabaseError
from django.http import HttpRequest, JsonResponse

from apps.platform.api.problems import TRANSIENT


def livez(_request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def readyz(_request: HttpRequest) -> JsonResponse:
    """200 while capture works: ``degraded`` when only the broker is down, 503 when the database is."""
    checks = {"database": _database(), "broker": _broker()}
    if not checks["database"]:
        return JsonResponse({"status": "down", "checks": checks}, status=503, headers={"Retry-After": "2"})
    return JsonResponse({"status": "ok" if checks["broker"] else "degraded", "checks": checks})


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (*TRANSIENT, DatabaseError):
        return False
    return True


def _broker() -> bool:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
