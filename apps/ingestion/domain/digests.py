"""Digests: what makes a message the same message when it is pushed again."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from apps.ingestion.domain.values import ParsedMessage

DIGEST_BYTES = 16


def digest_messages(secret: bytes, messages: Sequence[ParsedMessage]) -> list[bytes]:
    """Return 16 bytes a message: HMAC-SHA256 over the client's own message id, or over role, timestamp as sent,
    raw text and the ordinal among identical ones of its session in this push.

    Made before redaction, so that redacted twins stay two; keyed, so that a digest tells nothing about the text.
    """
    ordinals: dict[tuple[str, str, str, str], int] = {}
    digests = []
    for message in messages:
        if message.client_message_id:
            parts = ["id", message.client_message_id]
        else:
            identity = (message.session_id, message.role, message.sent_at_raw, message.content)
            ordinal = ordinals[identity] = ordinals.get(identity, -1) + 1
            parts = ["text", message.role, message.sent_at_raw, str(ordinal), message.content]
        digests.append(hmac.digest(secret, "\0".join(parts).encode(), hashlib.sha256)[:DIGEST_BYTES])
    return digests


def unit_hash(secret: bytes, user_id: str) -> str:
    """Return 32 hex characters that stand for a user in one organization, and in no other."""
    return hmac.digest(secret, b"user\0" + user_id.encode(), hashlib.sha256)[:16].hex()
