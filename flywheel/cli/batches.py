"""`flywheel batches`: what was captured, push by push, and which lines of it were not."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import orjson

from flywheel.cli.arguments import slug
from flywheel.cli.django_setup import connected

BAD_INPUT = 2
_STATES = ("pending", "stored", "analyzed", "failed")


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("batches", help="list what was captured, push by push")
    parser.add_argument("action", choices=("list", "show"))
    parser.add_argument("batch", nargs="?", metavar="BATCH_ID", help="of `show`")
    parser.add_argument("--org", type=slug, default="local")
    parser.add_argument("--app", type=slug, help="list this application's alone")
    parser.add_argument("--status", choices=_STATES, help="list those in this state alone")
    parser.add_argument("--limit", type=int, default=20, help="how many of `list` (default: 20)")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the newest batches, or one with its warnings and rejected lines. Exit 2 where there is no such thing."""
    if (options.action == "show") != bool(options.batch):
        words = "show needs a batch's id" if options.action == "show" else "list takes no batch's id; show does"
        print(f"flywheel: batches {words}", file=sys.stderr)
        return BAD_INPUT
    with connected(options.data_dir):
        try:
            found = _show(options) if options.action == "show" else _list(options)
        except LookupError as error:
            print(f"flywheel: {error.args[0]}", file=sys.stderr)
            return BAD_INPUT
        if options.format == "json":
            print(orjson.dumps(found, default=str, option=orjson.OPT_INDENT_2).decode())
            return 0
        for line in _table(found) if isinstance(found, list) else _page(found):
            print(line)
    return 0


def _list(options: argparse.Namespace) -> list[dict[str, Any]]:
    from apps.ingestion.selectors import list_batches
    from apps.organizations.selectors import find_application
    from apps.platform.tenancy import tenant

    with tenant(_organization(options.org).id):
        application = find_application(options.app) if options.app else None
        if options.app and application is None:
            raise LookupError(f"there is no application {options.app!r} in {options.org}")
        found = list_batches(
            application_id=application.id if application else None,
            before=None,
            limit=max(1, options.limit),
            status=options.status,
        )
        return [_told(batch) for batch in found]


def _show(options: argparse.Namespace) -> dict[str, Any]:
    from apps.ingestion.selectors import find_batch, rejected_lines
    from apps.platform.tenancy import tenant

    with tenant(_organization(options.org).id):
        batch = find_batch(options.batch)
        if batch is None:
            raise LookupError(f"there is no batch {options.batch!r} in {options.org}")
        lines = [
            {"line": each.line, "code": each.code, "detail": each.detail, "excerpt": each.excerpt}
            for each in rejected_lines(batch)
        ]
        return _told(batch) | {"warnings": batch.warnings, "rejected_lines": lines}


def _organization(name: str) -> Any:
    from apps.organizations.selectors import get_organization

    organization = get_organization(name)
    if organization is None:
        raise LookupError(f"there is no organization {name!r}")
    return organization


def _told(batch: Any) -> dict[str, Any]:
    return {
        "batch_id": batch.public_id,
        "received_at": batch.received_at,
        "application": batch.application.slug,
        "source": batch.source,
        "format": batch.format,
        "status": batch.status,
        "accepted": batch.accepted,
        "rejected": batch.rejected,
        "redriven": batch.redriven,
        "redrive_of": batch.redrive_of or None,
        "conversations": batch.conversations,
        "messages": batch.messages,
        "duplicates": batch.duplicates,
    }


def _table(rows: list[dict[str, Any]]) -> list[str]:
    from apps.evaluations.report_text import printable

    if not rows:
        return ["no batch"]
    return [
        f"{row['received_at']:%Y-%m-%d %H:%M}  {row['batch_id']:<14}  {row['status']:<8}  {row['accepted']:>6,} lines"
        f"  {row['rejected']:>5,} rejected  {row['messages']:>6,} new  "
        f"{row['application']:<16} {printable(row['source'])}"
        for row in rows
    ]


def _page(batch: dict[str, Any]) -> list[str]:
    from apps.evaluations.report_text import printable

    again = f" · {batch['redriven']:,} taken on a later try" if batch["redriven"] else ""
    source = f" · tried again from {batch['redrive_of']}" if batch["redrive_of"] else ""
    lines = [
        f"{batch['batch_id']}   {batch['application']}, {printable(batch['source'])}{source}",
        f" received   {batch['received_at']:%Y-%m-%d %H:%M:%S} UTC   format {batch['format']}   {batch['status']}",
        f" lines      {batch['accepted']:,} accepted · {batch['rejected']:,} rejected{again}",
        f" stored     {batch['conversations']:,} conversations, {batch['messages']:,} new messages · "
        f"{batch['duplicates']:,} repeats skipped",
    ]
    lines += [
        f" ! {each['count']:,} × {printable(each['detail'])}, first in line {each['line']:,}"
        for each in batch["warnings"]
    ]
    for each in batch["rejected_lines"]:
        lines.append(f" ✗ line {each['line']:,}  {each['code']}: {printable(each['detail'])}")
        if each["excerpt"]:
            lines.append(f"     {printable(each['excerpt'])}")
    return lines
