"""Wire formats: one module each, pure functions from decoded records to messages, and per-line errors."""

from apps.ingestion.domain.formats.parsing import FORMATS, UnknownFormat, UnreadableBody, parse

__all__ = ["FORMATS", "UnknownFormat", "UnreadableBody", "parse"]
