"""What a webhook's receiver is sent: the body, and headers by which it knows who sent it and when.

Standard Webhooks (https://www.standardwebhooks.com): the same id however often it is sent, the time of this attempt,
and a signature over both and the body by every secret that is valid now.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Told:
    """An event as receivers are told of it. ``url``: where a person reads more, "" where nowhere."""

    public_id: str
    kind: str
    at: datetime
    summary: str
    url: str
    payload: Mapping[str, Any]


def new_secret() -> str:
    """Return a secret of 256 random bits in the form receivers' libraries take."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def standard_body(told: Told) -> bytes:
    """Return the body of a signed webhook."""
    data = {"id": told.public_id, "summary": told.summary, "url": told.url or None, **told.payload}
    return orjson.dumps(
        {"type": told.kind, "timestamp": told.at, "data": data}, default=str, option=orjson.OPT_UTC_Z
    )  # fmt: skip


def slack_body(told: Told) -> bytes:
    """Return the body Slack's incoming webhooks take. What an attacker may have written is text there, too."""
    text = told.summary.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    link = f"\n<{told.url}|Open it in Flywheel>" if told.url else ""
    return orjson.dumps({"text": text + link, "unfurl_links": False})


def sign(body: bytes, *, message_id: str, at: datetime, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers of a signed webhook, with one signature a secret."""
    text = body.decode()
    signatures = [Webhook(secret).sign(message_id, at.astimezone(UTC), text) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
