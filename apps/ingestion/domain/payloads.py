"""What a batch is kept as: its messages, one JSON line each, under zstd."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import zstandard

from apps.ingestion.domain.stored import StoredMessage

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(StoredMessage)
# Level 1: a payload lives until it is stored; speed counts, not size.
_LEVEL = 1


def encode_payload(messages: Iterable[StoredMessage]) -> bytes:
    """Return the payload that holds these messages."""
    return zstandard.compress(b"\n".join(_encoder.encode(each) for each in messages), _LEVEL)


def decode_payload(payload: bytes) -> list[StoredMessage]:
    """Return the messages of a batch's payload."""
    return [_decoder.decode(line) for line in zstandard.decompress(payload).splitlines()]
