"""Files from a browser: any size, read in pieces, accepted like pushes."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from apps.ingestion.domain.formats import UnreadableBody
from apps.ingestion.files import ENDINGS, Piece, UnreadableInput, read_pieces
from apps.ingestion.services.accepting import accept
from apps.organizations.models import Organization

# What one upload lists of its rejected lines; all of them are kept with their batches.
MOST_REJECTED_SHOWN = 100


@dataclass
class Uploaded:
    """What became of a file: its batches in order, lines accepted, lines rejected (numbered in the file), warnings."""

    batches: list[str] = field(default_factory=list)
    accepted: int = 0
    rejected: int = 0
    rejected_lines: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def accept_upload(
    stream: IO[bytes], *, name: str, organization: Organization, application_id: int, at: datetime,
    format_name: str = "auto",
) -> Uploaded:  # fmt: skip
    """Accept a file of log lines, plain or compressed, in bounded memory. Call outside tenant(...).

    Each piece is committed before the next is read: a file cut off half-way keeps what was good. Raises
    UnreadableInput, naming file and cause, when nothing in it could be accepted.
    """
    uploaded = Uploaded()
    base = Path(name).name[:150] or "upload"
    ending = next((each for each in ENDINGS if base.lower().endswith(each)), ".jsonl")
    with tempfile.NamedTemporaryFile(suffix=ending) as file:
        shutil.copyfileobj(stream, file, 1 << 20)
        file.flush()
        try:
            for piece in read_pieces(Path(file.name)):
                _take(uploaded, piece, base, organization, application_id, at, format_name)
        except (UnreadableBody, UnreadableInput) as error:
            raise UnreadableInput(f"{base}: {str(error).replace(file.name, base)}") from error
    if not uploaded.batches:
        first = uploaded.rejected_lines[0] if uploaded.rejected_lines else {"line": 1, "detail": "nothing in it"}
        raise UnreadableInput(f"{base}: no line could be read; line {first['line']}: {first['detail']}")
    return uploaded


def _take(
    uploaded: Uploaded, piece: Piece, source: str, organization: Organization, application_id: int, at: datetime,
    format_name: str,
) -> None:  # fmt: skip
    result = accept(
        piece.body, organization=organization, application_id=application_id, at=at, format_name=format_name,
        source=source, first_line=piece.first_line, may_be_document=piece.may_be_document,
        # A file that began well is a log: what is bad in it is kept to be tried again. One that begins badly is none.
        keep_rejects=bool(uploaded.batches),
    )  # fmt: skip
    uploaded.accepted += result.accepted
    uploaded.rejected += len(result.rejected)
    room = MOST_REJECTED_SHOWN - len(uploaded.rejected_lines)
    uploaded.rejected_lines += result.rejected[:room]
    uploaded.warnings += [f"{warning['count']:,} × {warning['detail']}" for warning in result.warnings]
    if result.batch_id is not None:
        uploaded.batches.append(result.batch_id)
