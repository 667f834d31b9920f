"""Wire formats: one module each, pure functions from decoded records to messages, and per-line errors."""

from apps.ingestion.domain.formats.documents import UnreadableBody
from apps.ingestion.domain.formats.parsing import FORMATS, UnknownFormat, parse, parse_again

__all__ = ["FORMATS", "UnknownFormat", "UnreadableBody", "parse", "parse_again"]
