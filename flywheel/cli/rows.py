"""`flywheel rows`: the conversations behind a number."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

import orjson

from apps.evaluations.domain.registry import REGISTRY
from flywheel.cli.arguments import slug
from flywheel.cli.django_setup import connected

# The report's short forms, and what it counts that is no metric of its own.
_SHORT: dict[str, Mapping[str, str]] = {
    "attacks": {"attacked": "true"},
    "churn_at_risk": {"churn": "at_risk"},
    "short_replies": {"pattern": "responses_under_20_chars"},
}
FILTERS: dict[str, Mapping[str, str]] = {**{key: metric.rows for key, metric in REGISTRY.items()}, **_SHORT}
_FILTERS = ("since", "until", "agent", "channel", "variant", "prompt_version", "model", "tag", "q")


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("rows", help="list the conversations behind a number")
    parser.add_argument("metric", choices=sorted(FILTERS), metavar="METRIC", help=", ".join(sorted(FILTERS)))
    parser.add_argument("--org", type=slug, default="local")
    parser.add_argument("--app", type=slug)
    for name in _FILTERS:
        parser.add_argument(f"--{name.replace('_', '-')}", default="")
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    return parser


def run(options: argparse.Namespace) -> int:
    """Print session, start, risk, quality and agent, newest first."""
    with connected(options.data_dir):
        from apps.evaluations.filtering import BadFilter

        try:
            rows = _rows(options)
        except (BadFilter, LookupError) as error:
            print(f"flywheel: {error.args[0]}", file=sys.stderr)
            return 2
    if options.format == "json":
        print(orjson.dumps(rows, default=str, option=orjson.OPT_INDENT_2).decode())
        return 0
    for row in rows:
        score = "unscored" if row["quality"] is None else f"{row['quality']:.1f}"
        told = f"risk {row['risk']:<5g} quality {score:<9} {row['agent']}"
        print(f"{row['started_at']:%Y-%m-%d %H:%M}  {row['session_id']:<24} {told}".rstrip())
    if not rows:
        print("no conversation", file=sys.stderr)
    return 0


def _rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    from apps.evaluations.filtering import parse_filters
    from apps.evaluations.report_text import printable
    from apps.evaluations.selectors import list_facts
    from apps.organizations import selectors
    from apps.platform.tenancy import tenant

    organization = selectors.get_organization(options.org)
    if organization is None:
        raise LookupError(f"there is no organization {options.org!r}")
    asked = {name: getattr(options, name) for name in _FILTERS} | dict(FILTERS[options.metric])
    with tenant(organization.id):
        application = selectors.find_application(options.app) if options.app else None
        if options.app and application is None:
            raise LookupError(f"there is no application {options.app!r} in {options.org}")
        filters = parse_filters(asked, application_id=application.id if application else None)
        facts = list_facts(filters, limit=max(1, options.limit))
    return [
        {
            "session_id": printable(fact.session_id),
            "started_at": fact.started_at,
            "risk": fact.risk_score,
            "quality": fact.quality_score,
            "agent": printable(fact.agent),
        }
        for fact in facts
    ]
