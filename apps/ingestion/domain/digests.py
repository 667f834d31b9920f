"""Digests: what makes a message the same message when it is pushed again."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence, Set

from apps.ingestion.domain.values import ParsedMessage

DIGEST_BYTES = 16
_BLOCK = 64  # of SHA-256


def digest_messages(
    secret: bytes, messages: Sequence[ParsedMessage], taken: Set[tuple[str, bytes]] = frozenset()
) -> list[bytes]:
    """Return 16 bytes a message: HMAC-SHA256 over the client's own message id, or over role, timestamp as sent,
    raw text and the ordinal among identical ones of its session in this push.

    Made before redaction, so that redacted twins stay two; keyed, so that a digest tells nothing about the text.
    ``taken`` are (session, digest) that other lines of the same push have: a line read later is another twin.
    """
    keyed = _Keyed(secret)
    ordinals: dict[tuple[str, str, str, str], int] = {}
    digests = []
    for message in messages:
        if message.client_message_id:
            digests.append(keyed.digest(f"id\0{message.client_message_id}".encode())[:DIGEST_BYTES])
            continue
        identity = (message.session_id, message.role, message.sent_at_raw, message.content)
        while True:
            ordinal = ordinals[identity] = ordinals.get(identity, -1) + 1
            parts = ["text", message.role, message.sent_at_raw, str(ordinal), message.content]
            digest = keyed.digest("\0".join(parts).encode())[:DIGEST_BYTES]
            if not taken or (message.session_id, digest) not in taken:
                break
        digests.append(digest)
    return digests


def unit_hash(secret: bytes, user_id: str) -> str:
    """Return 32 hex characters that stand for a user in one organization, and in no other."""
    return hmac.digest(secret, b"user\0" + user_id.encode(), hashlib.sha256)[:16].hex()


class _Keyed:
    """HMAC-SHA256 (RFC 2104) whose key is prepared once: a third of the time of ``hmac.digest`` over short texts."""

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, text: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.digest()
