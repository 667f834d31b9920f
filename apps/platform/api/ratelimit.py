"""A token bucket in Valkey, per key and per organization. A broker that is down lets requests pass."""

from __future__ import annotations

import math

import redis
from django.conf import settings

from apps.platform.api.problems import Problem
from apps.platform.valkey import client

# Both buckets in one round trip; takes from neither unless both have a token. Returns the wait in milliseconds.
_TAKE = """
local wait = 0
local left = {}
-- The server's own time: callers' clocks differ, and a request that was overtaken must not count backwards.
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
for i = 1, 2 do
  local rate, burst = tonumber(ARGV[i * 2 - 1]), tonumber(ARGV[i * 2])
  local bucket = redis.call('HMGET', KEYS[i], 'tokens', 'at')
  local tokens = math.min(burst, (tonumber(bucket[1]) or burst) + (at - (tonumber(bucket[2]) or at)) * rate)
  left[i] = tokens
  if tokens < 1 then wait = math.max(wait, (1 - tokens) / rate) end
end
for i = 1, 2 do
  local tokens = left[i]
  if wait == 0 then tokens = tokens - 1 end
  redis.call('HSET', KEYS[i], 'tokens', tokens, 'at', string.format('%.6f', at))
  redis.call('EXPIRE', KEYS[i], 600)
end
return math.ceil(wait * 1000)
"""


def take_token(organization_id: int, key: str, rate_class: str, *, share: int) -> None:
    """Take one request's token. Raises a 429 problem with Retry-After when there is none.

    ``share``: the organization's keys together may do so many times what one of them may.
    """
    rate, burst = settings.RATE_LIMITS[rate_class]
    arguments = [rate, burst, rate * share, burst * share]
    keys = [f"rate:{rate_class}:key:{key}", f"rate:{rate_class}:organization:{organization_id}"]
    try:
        wait_ms = int(client().eval(_TAKE, 2, *keys, *arguments))
    except redis.RedisError:
        return
    if wait_ms:
        raise Problem(
            429, "rate_limited", f"More than {rate:g} requests a second.", retry_after=max(1, math.ceil(wait_ms / 1000))
        )
