"""A batch's rejected lines as a file, for the API and the portal: what is shown of them, never their originals."""

from __future__ import annotations

import csv
import io

import orjson
from django.http import HttpResponse

from apps.ingestion import selectors
from apps.ingestion.models import Batch
from apps.platform.cells import neutralised

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


def rejected_file(batch: Batch, form: str) -> HttpResponse:
    """Return the rejected lines as a download, ``csv`` or ``ndjson``: line, code, detail, excerpt."""
    text = _csv(batch) if form == "csv" else _ndjson(batch)
    response = HttpResponse(text, content_type=CONTENT_TYPES[form])
    response["Content-Disposition"] = f'attachment; filename="{batch.public_id}-rejected.{form}"'
    return response


def _csv(batch: Batch) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["line", "code", "detail", "excerpt"])
    for each in selectors.rejected_lines(batch):
        writer.writerow([each.line, each.code, neutralised(each.detail), neutralised(each.excerpt)])
    return text.getvalue()


def _ndjson(batch: Batch) -> bytes:
    return b"".join(
        orjson.dumps(
            {"line": each.line, "code": each.code, "detail": each.detail, "excerpt": each.excerpt},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for each in selectors.rejected_lines(batch)
    )
