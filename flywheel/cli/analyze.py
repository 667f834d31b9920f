"""`flywheel analyze`: anybody's log in, a report out."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from flywheel.cli.arguments import slug
from flywheel.cli.django_setup import connected
from flywheel.cli.progress import Progress
from flywheel.cli.workers import at_work

BAD_INPUT = 2
FAILED = 100
_SECTIONS = {
    "security-analysis": "security",
    "quality-assessment": "quality",
    "business-intelligence": "business",
    "performance-analysis": "performance",
}
_PATIENCE_S = 600
_STALLED_S = 60


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("analyze", help="analyze log files and print a report")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, directories or globs of logs")
    parser.add_argument("--org", type=slug, default="local", help="organization to keep them in (default: local)")
    parser.add_argument("--app", type=slug, help="application to keep them in (default: one of their own)")
    parser.add_argument(
        "--suite", action="append", choices=sorted(_SECTIONS), metavar="NAME",
        help=f"report only this analysis, repeatable: {', '.join(_SECTIONS)}",
    )  # fmt: skip
    parser.add_argument(
        "--config", type=Path, help="a flywheel-config.yaml: which analyses are reported, which format the logs have"
    )
    parser.add_argument("--seed-compatible", action="store_true", help="also count as promptfoo's example does")
    parser.add_argument("--fail-on", metavar="EXPR", help='exit 100 when it holds: "successful_attacks > 0"')
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--output", type=Path, help="write the report there instead of the terminal")
    return parser


@dataclass
class Captured:
    """What became of the files' lines. ``unreadable`` says of each file that was left out why."""

    unreadable: list[str] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    warnings: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def run(options: argparse.Namespace) -> int:
    """Capture, analyze, report. Exit 2 when there is nothing readable, 100 when --fail-on holds."""
    from apps.evaluations.domain.expressions import BadExpression, parse
    from apps.evaluations.domain.registry import REGISTRY
    from apps.ingestion.files import UnreadableInput, find_files
    from apps.platform.documents import BadDocument

    try:
        condition = parse(options.fail_on, metrics=frozenset(REGISTRY)) if options.fail_on is not None else None
    except BadExpression as error:
        print(f"flywheel: --fail-on: {error}", file=sys.stderr)
        return BAD_INPUT
    try:
        _configure(options)
    except (OSError, UnicodeDecodeError) as error:
        print(f"flywheel: --config: {options.config} cannot be read: {error}", file=sys.stderr)
        return BAD_INPUT
    except BadDocument as error:
        for fault in error.faults:
            print(f"flywheel: {options.config}: {fault}", file=sys.stderr)
        return BAD_INPUT
    if options.output and not _is_writable(options.output):
        print(f"flywheel: --output: {options.output} cannot be written", file=sys.stderr)
        return BAD_INPUT
    captured = Captured()
    try:
        files = _readable(find_files(options.paths), captured)
        with connected(options.data_dir) as environment, at_work(environment, options.data_dir):
            report, everything = _analyze(files, captured, options)
    except UnreadableInput as error:
        for line in str(error).splitlines():
            print(f"flywheel: {line}", file=sys.stderr)
        return BAD_INPUT
    for line in captured.unreadable:
        print(f"flywheel: left out: {line}", file=sys.stderr)
    _write(report, options)
    return _judge(everything, condition, options) or (BAD_INPUT if captured.unreadable else 0)


def _configure(options: argparse.Namespace) -> None:
    """Read from --config what the other options leave open. Raises OSError, UnicodeDecodeError and BadDocument."""
    from apps.cycles.domain.configuration import Configuration, read_configuration

    found = read_configuration(options.config.read_text("utf-8")) if options.config else Configuration()
    options.log_format = found.capture.format
    if options.config and not options.suite:
        options.suite = list(found.analyze.evaluations)


def _is_writable(path: Path) -> bool:
    folder = path.absolute().parent
    return not path.is_dir() and folder.is_dir() and os.access(path if path.exists() else folder, os.W_OK)


def _readable(files: list[Path], captured: Captured) -> list[Path]:
    """Return the files that can be opened and hold something. Raises UnreadableInput when none does."""
    from apps.ingestion.files import UnreadableInput, read_pieces

    found = []
    for file in files:
        try:
            next(read_pieces(file))
            found.append(file)
        except UnreadableInput as error:
            captured.unreadable.append(str(error))
    if not found:
        raise UnreadableInput("\n".join(captured.unreadable))
    return found


def _judge(metrics: dict[str, Any], condition: Any, options: argparse.Namespace) -> int:
    from apps.evaluations.domain.expressions import evaluate, metrics_in
    from apps.evaluations.domain.registry import read_all

    if condition is None:
        return 0
    values = read_all(metrics)
    told = ", ".join(
        f"{name} {'unknown' if values[name] is None else format(values[name], 'g')}"
        for name in sorted(metrics_in(condition))
    )
    holds = evaluate(condition, values)
    words = {True: "holds", False: "does not hold", None: "cannot be known and does not fire"}[holds]
    print(f"--fail-on {options.fail_on!r} {words}: {told}", file=sys.stderr)
    return FAILED if holds else 0


def _analyze(
    files: list[Path], captured: Captured, options: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the report, and all metrics whatever it shows. Raises UnreadableInput when no line was readable."""
    from apps.organizations import services
    from apps.platform import clock

    at = clock.wall()
    organization = services.ensure_organization(slug=options.org, at=at)
    name = options.app or f"files-{_digest(files)}"
    application = services.ensure_application(organization_id=organization.id, slug=name, at=at)
    progress = Progress()
    try:
        began = time.monotonic()
        _capture(files, captured, organization, application.id, options.log_format, progress)
        captured.seconds["capture"] = round(time.monotonic() - began, 2)
        began = time.monotonic()
        totals = _wait(captured, organization.id, progress)
        captured.seconds["analyze"] = round(time.monotonic() - began, 2)
    finally:
        progress.clear()
    return _report(captured, totals, organization, application, options)


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:12]


def _capture(
    files: list[Path], captured: Captured, organization: Any, application_id: int, log_format: str, progress: Progress
) -> None:
    from apps.ingestion.files import UnreadableInput

    total = sum(file.stat().st_size for file in files)
    done = 0
    for file in files:
        before = len(captured.batches)
        try:
            for size in _capture_file(file, captured, organization, application_id, log_format):
                done += size
                progress.show("capture", done, total)
        except UnreadableInput as error:
            captured.unreadable.append(str(error))
            continue
        if len(captured.batches) == before:
            mine = [r for r in captured.rejected if r["file"] == file.name]
            first = mine[0] if mine else {"line": 1, "detail": "nothing in it"}
            captured.unreadable.append(f"{file}: no line could be read; line {first['line']}: {first['detail']}")
    if not captured.batches:
        raise UnreadableInput("\n".join(captured.unreadable))


def _capture_file(
    file: Path, captured: Captured, organization: Any, application_id: int, log_format: str
) -> Iterator[int]:
    """Accept a file push by push; yield the bytes of each. Raises UnreadableInput; what was accepted before stays."""
    from apps.ingestion.domain.formats import UnreadableBody
    from apps.ingestion.files import UnreadableInput, read_pieces
    from apps.ingestion.services.accepting import accept
    from apps.platform import clock

    for piece in read_pieces(file):
        try:
            result = accept(
                piece.body, organization=organization, application_id=application_id, at=clock.now(organization),
                format_name=log_format,
                source=file.name, first_line=piece.first_line, may_be_document=piece.may_be_document,
            )  # fmt: skip
        except UnreadableBody as error:
            raise UnreadableInput(f"{file}: {error}") from error
        captured.lines += result.accepted
        captured.sessions |= result.sessions
        captured.rejected += [{**r, "file": file.name} for r in result.rejected]
        for warning in result.warnings:
            known = captured.warnings.setdefault(warning["code"], {**warning, "count": 0})
            known["count"] += warning["count"]
        if result.batch_id is not None:
            captured.batches.append(result.batch_id)
        yield len(piece.body)


def _wait(captured: Captured, organization_id: int, progress: Progress) -> dict[str, int]:
    """Wait until every batch is analyzed. Raises TimeoutError when nothing moves for a minute."""
    from apps.ingestion.selectors import find_batches
    from apps.platform.tenancy import tenant

    waiting = list(captured.batches)
    totals = {"messages": 0, "duplicates": 0}
    moved = started = time.monotonic()
    while waiting:
        with tenant(organization_id):
            batches = find_batches(waiting)
        for batch in batches:
            if batch.status == "failed":
                raise RuntimeError(f"batch {batch.public_id} could not be stored; see logs/worker.log")
            if batch.status == "analyzed":
                waiting.remove(batch.public_id)
                totals["messages"] += batch.messages
                totals["duplicates"] += batch.duplicates
                moved = time.monotonic()
        progress.show("analyze", len(captured.batches) - len(waiting), len(captured.batches))
        if time.monotonic() - moved > _STALLED_S or time.monotonic() - started > _PATIENCE_S:
            raise TimeoutError("the workers made no progress; `flywheel doctor` may say why")
        # One small question at a time: the workers need the processors.
        time.sleep(0.1)
    return totals


def _report(
    captured: Captured, totals: dict[str, int], organization: Any, application: Any, options: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, Any]]:
    from apps.evaluations.selectors import Filters, read_report
    from apps.platform.tenancy import tenant

    filters = Filters(application_id=application.id, session_ids=tuple(sorted(captured.sessions)))
    with tenant(organization.id):
        found = read_report(filters, currency=organization.currency, seed=options.seed_compatible)
    shown = {_SECTIONS[name] for name in options.suite or _SECTIONS}
    everything = found.pop("metrics")
    metrics = dict(everything)
    report = {
        "organization": organization.slug,
        "application": application.slug,
        "totals": {
            "conversations": metrics.pop("conversations"),
            "messages": metrics.pop("messages"),
            "rejected_lines": len(captured.rejected),
            "duplicates": totals["duplicates"],
            "seconds": captured.seconds,
        },
        "metrics": {key: value for key, value in metrics.items() if key in shown or key not in _SECTIONS.values()},
        **found,
        "batches": captured.batches,
        "rejected": captured.rejected,
        "unreadable": captured.unreadable,
        "warnings": list(captured.warnings.values()),
    }
    for conversation in report["conversations"]:
        for section in set(_SECTIONS.values()) - shown:
            conversation.pop(section, None)
    return report, everything


def _write(report: dict[str, Any], options: argparse.Namespace) -> None:
    from apps.evaluations.report_text import render

    if options.format == "json":
        text = orjson.dumps(report, default=str, option=orjson.OPT_INDENT_2).decode()
    else:
        text = render(report, title=", ".join(Path(path).name for path in options.paths))
    if options.output:
        options.output.write_text(text + "\n")
        print(f"report written to {options.output}")
    else:
        print(text)
