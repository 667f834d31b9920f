"""The endpoints of capture: logs in, batches and outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.ingestion import selectors
from apps.ingestion.domain.decoding import BadEncoding, TooLarge, decode
from apps.ingestion.domain.formats import UnknownFormat, UnreadableBody
from apps.ingestion.domain.redaction import RedactionFailed
from apps.ingestion.models import Batch
from apps.ingestion.services import accepting, outcomes, storing
from apps.organizations.api.views import OrganizationView
from apps.platform import clock
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem
from apps.platform.idempotency import Answer, once
from apps.platform.tenancy import tenant

PAGE = 50
_CHUNK = 64 * 1024
_CONTENT_TYPES = {
    "application/json", "application/x-ndjson", "application/jsonl", "application/octet-stream", "text/plain", "",
}  # fmt: skip


def _chunks(request: Request) -> Iterator[bytes]:
    """Yield the body as it arrives. Chunked bodies come without a length: Django would see them as empty."""
    environ = request._request.META
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if chunked and not environ.get("wsgi.input_terminated"):
        raise Problem(411, "length_required", "This server needs a Content-Length.")
    length = environ.get("CONTENT_LENGTH") or ""
    if not chunked and length.isdigit() and int(length) > settings.CAPTURE_MAX_WIRE_BYTES:
        raise Problem(413, "too_large", f"A push has at most {settings.CAPTURE_MAX_WIRE_BYTES:,} bytes; split it.")
    stream = environ["wsgi.input"] if chunked else request._request
    while chunk := stream.read(_CHUNK):
        yield chunk


def read_body(request: Request) -> bytes:
    """Return the decoded body under our own limits. Raises 400, 411, 413 and 415 problems."""
    if (request.content_type or "").partition(";")[0].strip().lower() not in _CONTENT_TYPES:
        raise Problem(415, "bad_content_type", "Send application/x-ndjson or application/json.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "zstd"}:
        raise Problem(415, "bad_content_encoding", "Content-Encoding may be gzip or zstd.")
    try:
        return decode(
            _chunks(request),
            encoding=encoding,
            max_wire=settings.CAPTURE_MAX_WIRE_BYTES,
            max_inflated=settings.CAPTURE_MAX_INFLATED_BYTES,
        )
    except TooLarge as error:
        raise Problem(413, "too_large", str(error)) from error
    except BadEncoding as error:
        raise Problem(400, "bad_encoding", str(error)) from error


class LogsView(OrganizationView):
    """Production logs in."""

    scopes: ClassVar[dict[str, str]] = {"POST": "ingest"}
    rate_class = "ingest"
    in_tenant = False

    @extend_schema(
        operation_id="pushLogs",
        request={"application/x-ndjson": OpenApiTypes.STR, "application/json": OpenApiTypes.OBJECT},
        parameters=[OpenApiParameter("application", str), OpenApiParameter("format", str)],
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        """Accept log lines; 202 once they are durable. Bad lines are named, good ones are kept."""
        organization = self.principal.organization
        body = read_body(request)
        if not body.strip():
            raise Problem(400, "empty_body", "There is nothing in this push.")
        with tenant(organization.id):
            application = self.application(request.query_params.get("application") or None, make=True)
        if application is None:
            raise Problem(422, "no_application", "This key serves several applications: name one, ?application=….")
        key = request.headers.get("Idempotency-Key", "")

        def accept() -> Answer:
            try:
                result = accepting.accept(
                    body,
                    organization=organization,
                    application_id=application.id,
                    at=clock.now(organization),
                    format_name=request.query_params.get("format") or "auto",
                    idempotency_key=key,
                )
            except UnknownFormat as error:
                raise Problem(422, "unknown_format", str(error)) from error
            except UnreadableBody as error:
                raise Problem(error.status, error.code, str(error)) from error
            except RedactionFailed as error:
                raise Problem(
                    500, "redaction_failed", "Personal data could not be taken out, so nothing of this push is stored."
                ) from error
            if result.batch_id is None:
                raise Problem(
                    422, "all_lines_rejected", "No line could be accepted.",
                    rejected=result.rejected, warnings=result.warnings,
                )  # fmt: skip
            return Answer(202, {
                "batch_id": result.batch_id, "accepted": result.accepted,
                "rejected": result.rejected, "warnings": result.warnings,
            })  # fmt: skip

        answer = once(
            organization_id=organization.id, endpoint=f"logs:{application.id}", key=key, body=body, work=accept
        )
        headers = {"Idempotent-Replayed": "true"} if answer.replayed else {}
        return Response(answer.body, status=answer.status, headers=headers)


class BatchView(OrganizationView):
    """One accepted push."""

    scopes: ClassVar[dict[str, str]] = {"GET": "ingest"}

    @extend_schema(operation_id="readBatch", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, batch_id: str) -> Response:
        """Say how far a batch has come."""
        batch = self.own(selectors.find_batch(batch_id), "batch")
        return Response(_batch(batch, [
            {"line": r.line, "code": r.code, "detail": r.detail} for r in selectors.rejected_lines(batch)
        ]))  # fmt: skip


class BatchesView(OrganizationView):
    """The organization's accepted pushes."""

    scopes: ClassVar[dict[str, str]] = {"GET": "ingest"}

    @extend_schema(
        operation_id="listBatches",
        parameters=[OpenApiParameter(name, str) for name in ("application", "status", "cursor")],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List batches, newest first, without their rejected lines."""
        query = request.query_params
        application = self.application(query.get("application") or None)
        status = query.get("status") or None
        if status is not None and status not in Batch.Status.values:
            raise Problem(422, "bad_status", f"`status` is one of {', '.join(Batch.Status.values)}.")
        found = selectors.list_batches(
            application_id=application.id if application else None,
            before=read_place(request),
            limit=PAGE + 1,
            status=status,
        )
        page, following = cut_page(request, found, size=PAGE, key=lambda batch: [batch.id])
        rows = [{**_batch(batch, []), "rejected": batch.rejected} for batch in page]
        return Response({"results": rows, "next": following})


class RetryBatchView(OrganizationView):
    """Has a failed batch stored once more."""

    scopes: ClassVar[dict[str, str]] = {"POST": "ingest"}
    rate_class = "ingest"

    @extend_schema(operation_id="retryBatch", request=None, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, batch_id: str) -> Response:
        """Try a failed batch again; 409 for one that has not failed."""
        self.own(selectors.find_batch(batch_id), "batch")
        if not storing.retry_batch(organization_id=self.principal.organization.id, batch_id=batch_id):
            raise Problem(409, "not_failed", "Only a failed batch is tried again.")
        return Response({"batch_id": batch_id, "status": "pending"}, status=202)


def _batch(batch: Any, rejected: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "batch_id": batch.public_id,
        "status": batch.status,
        "format": batch.format,
        "accepted": batch.accepted,
        "conversations": batch.conversations,
        "messages": batch.messages,
        "duplicates": batch.duplicates,
        "rejected": rejected,
        "redriven": batch.redriven,
        "redrive_of": batch.redrive_of or None,
        "warnings": batch.warnings,
        "received_at": batch.received_at,
        "stored_at": batch.stored_at,
    }


class OutcomesView(OrganizationView):
    """Truths that arrive after the conversation."""

    scopes: ClassVar[dict[str, str]] = {"POST": "ingest"}
    rate_class = "ingest"

    @extend_schema(
        operation_id="postOutcomes",
        request=OpenApiTypes.OBJECT,
        parameters=[OpenApiParameter("application", str)],
        responses={202: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        """Take one outcome or a list; repeating an id succeeds and changes nothing."""
        application = self.application(request.query_params.get("application") or None, make=True)
        if application is None:
            raise Problem(422, "no_application", "This key serves several applications: name one, ?application=….")
        items = request.data if isinstance(request.data, list) else [request.data]
        try:
            taken = outcomes.take(
                items, organization=self.principal.organization, application_id=application.id,
                at=clock.now(self.principal.organization),
            )  # fmt: skip
        except outcomes.BadOutcome as error:
            raise Problem(422, "bad_outcome", str(error)) from error
        return Response({"accepted": taken.accepted, "duplicates": taken.duplicates}, status=202)
