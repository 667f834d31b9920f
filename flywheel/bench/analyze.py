"""How fast analysis is: alone, then assessed and stored by one worker process; and what memory the worker takes."""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flywheel.bench.conversations import TURNS, bodies
from flywheel.bench.product import bench_product

_LINES = 6_000
_SAMPLE = 2_000


def measure(*, n: int, clients: int) -> dict[str, Any]:
    """Return the figures of ``n`` conversations on one core; ``clients`` is not used here."""
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        with bench_product(Path(directory) / "var", workers=1) as product:
            # This process is the worker: the product's own is stopped, so that one core does all of it.
            for child in product.children:
                child.ask_to_stop()
            for child in product.children:
                child.make_stop(time.monotonic() + 10)
            os.environ.update(product.environment.variables)
            import django

            django.setup()
            return _measure(n)


def _measure(n: int) -> dict[str, Any]:
    from apps.evaluations.analyzers import suite
    from apps.evaluations.reading import read_values
    from apps.evaluations.services import assessing
    from apps.ingestion.models import Conversation
    from apps.ingestion.services.accepting import accept
    from apps.ingestion.services.storing import store_batch
    from apps.organizations import services
    from apps.platform.tenancy import tenant

    at = datetime(2026, 11, 22, tzinfo=UTC)
    organization = services.ensure_organization(slug="bench", at=at)
    application = services.ensure_application(organization_id=organization.id, slug="bench", at=at)
    batches = []
    for body in bodies(n, lines=_LINES):
        taken = accept(body, organization=organization, application_id=application.id, at=at)
        batches.append(str(taken.batch_id))
        store_batch(organization_id=organization.id, batch_id=batches[-1])
    with tenant(organization.id):
        rows = list(Conversation.objects.order_by("id")[: min(n, _SAMPLE)])
        began = time.perf_counter()
        values = read_values(rows)
        reading = time.perf_counter() - began
    analyzers = suite({})
    for value in values[:50]:
        analyzers.analyze(value, at=at)
    # CPU time: what one core does, whoever else is on this machine.
    began = time.process_time()
    for value in values:
        analyzers.analyze(value, at=at)
    alone = time.process_time() - began
    assessing.assess_batch(organization_id=organization.id, batch_id=batches[0])
    early = _resident_mb()
    began, worked, served = time.perf_counter(), time.process_time(), _database_cpu()
    for batch in batches[1:]:
        assessing.assess_batch(organization_id=organization.id, batch_id=batch)
    seconds, worked, served = time.perf_counter() - began, time.process_time() - worked, _database_cpu() - served
    rest = n - min(n, _LINES // TURNS)
    return {
        "conversations": n,
        "messages": n * TURNS,
        "analysis_alone_per_s_and_core": len(values) / alone,
        "microseconds_a_conversation": 1e6 * alone / len(values),
        "read_from_database_per_s": len(values) / reading,
        "assessed_and_stored_per_s": rest / seconds if rest else None,
        "assessed_and_stored_per_cpu_s_of_worker": rest / worked if rest else None,
        "assessed_and_stored_per_cpu_s_of_worker_and_database": rest / (worked + served) if rest else None,
        "memory_after_the_first_batch_mb": early,
        "memory_at_the_end_mb": _resident_mb(),
    }


def _database_cpu() -> float:
    """Return the CPU seconds this process's connection has cost the database server so far."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    # Fields 14 and 15, counted from behind the command's name, which may hold blanks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
