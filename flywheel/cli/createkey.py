"""`flywheel createkey`: an API key, alone on standard output, for scripts."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from flywheel.cli.arguments import slug
from flywheel.cli.django_setup import connected


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("createkey", help="make an API key and print it")
    parser.add_argument("--org", type=slug, required=True, help="the organization's slug; made if it is missing")
    parser.add_argument("--name", default="", help="the name of a missing organization (default: from its slug)")
    parser.add_argument("--sandbox", action="store_true", help="make a missing organization a sandbox")
    parser.add_argument("--app", type=slug, help="bind the key to this application; made if it is missing")
    parser.add_argument("--scope", action="append", required=True, help="repeat for several")
    return parser


def run(options: argparse.Namespace) -> int:
    """Make what is missing, and the key."""
    with connected(options.data_dir):
        from apps.organizations import services
        from apps.platform import clock

        at = clock.wall()
        organization = services.ensure_organization(slug=options.org, name=options.name, at=at, sandbox=options.sandbox)
        application = (
            services.ensure_application(organization_id=organization.id, slug=options.app, at=at)
            if options.app
            else None
        )
        try:
            key = services.create_key(
                organization_id=organization.id,
                application_id=application.id if application else None,
                scopes=options.scope,
                at=at,
                actor="createkey",
            )
        except ValueError as error:
            print(f"flywheel: {error}", file=sys.stderr)
            return 2
        print(key.secret)
    return 0
