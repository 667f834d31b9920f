"""`flywheel erase`: a person's conversations, and everything counted of them alone, taken away."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import orjson

from flywheel.cli.arguments import slug
from flywheel.cli.django_setup import connected


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("erase", help="erase a person")
    parser.add_argument("--org", type=slug, help="the organization's slug")
    parser.add_argument("--user", help="the id the logs know the person by")
    parser.add_argument("--list", action="store_true", help="print what was erased, for `flywheel restore --erasures`")
    return parser


def run(options: argparse.Namespace) -> int:
    """Erase at once, without waiting for a worker, and print how much of each kind went."""
    if not options.list and not (options.org and options.user):
        print("flywheel: name the person: --org SLUG --user ID (or --list)", file=sys.stderr)
        return 2
    with connected(options.data_dir):
        from apps.cycles.services.erasing import ask_erasure, erase, hash_of, list_erasures
        from apps.organizations import selectors
        from apps.platform import clock
        from apps.platform.tenancy import tenant

        if options.list:
            for each in list_erasures():
                print(orjson.dumps(each).decode())
            return 0
        organization = selectors.get_organization(options.org)
        if organization is None:
            print(f"flywheel: there is no organization {options.org!r}", file=sys.stderr)
            return 2
        person = hash_of(organization, options.user)
        with tenant(organization.id):
            ask_erasure(organization_id=organization.id, person=person, at=clock.now(organization), actor="erase")
        counts = erase(organization_id=organization.id, person=person, user_id=options.user)
    told = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
    print(f"erased: {told}" if any(counts.values()) else "nothing was captured of that person")
    return 0
