"""`flywheel erase`: a person, or a whole organization, taken away for good."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

import orjson

from flywheel.cli.arguments import slug
from flywheel.cli.django_setup import connected

if TYPE_CHECKING:
    from apps.organizations.models import Organization


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("erase", help="erase a person, or a whole organization")
    parser.add_argument("--org", type=slug, help="the organization's slug")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--user", help="the id the logs know the person by")
    what.add_argument("--all", action="store_true", help="the whole organization: every row of it, its keys and people")
    what.add_argument("--list", action="store_true", help="print what was erased, for `flywheel restore --erasures`")
    parser.add_argument("--yes", action="store_true", help="with --all: do not ask for the slug to be typed")
    return parser


def run(options: argparse.Namespace) -> int:
    """Erase at once, without waiting for a worker, and print how much of each kind went."""
    if not options.list and not (options.org and (options.user or options.all)):
        print("flywheel: name what to erase: --org SLUG with --user ID or --all (or --list)", file=sys.stderr)
        return 2
    with connected(options.data_dir):
        from apps.organizations import selectors

        if options.list:
            return _list()
        organization = selectors.get_organization(options.org)
        if organization is None:
            print(f"flywheel: there is no organization {options.org!r}", file=sys.stderr)
            return 2
        if options.user:
            return _erase_person(organization, options.user)
        if not options.yes and not _is_confirmed(organization.slug):
            print("flywheel: nothing was erased: what was typed is not its slug", file=sys.stderr)
            return 2
        return _erase_organization(organization)


def _list() -> int:
    from apps.cycles.services.erasing import list_erasures
    from apps.cycles.services.erasing_organizations import list_organization_erasures

    for each in [*list_erasures(), *list_organization_erasures()]:
        print(orjson.dumps(each).decode())
    return 0


def _erase_person(organization: Organization, user_id: str) -> int:
    from apps.cycles.services.erasing import ask_erasure, erase, hash_of
    from apps.platform import clock
    from apps.platform.tenancy import tenant

    person = hash_of(organization, user_id)
    with tenant(organization.id):
        ask_erasure(organization_id=organization.id, person=person, at=clock.now(organization), actor="erase")
    counts = erase(organization_id=organization.id, person=person, user_id=user_id)
    told = ", ".join(f"{n:,} {kind}" for kind, n in counts.items())
    print(f"erased: {told}" if any(counts.values()) else "nothing was captured of that person")
    return 0


def _is_confirmed(expected: str) -> bool:
    print(f"Everything of {expected} is erased for good: conversations, prompts, experiments, reports, keys, people.")
    try:
        return input(f"Type {expected} to go on: ").strip() == expected
    except EOFError:
        return False


def _erase_organization(organization: Organization) -> int:
    from apps.cycles.services.erasing_organizations import ask_organization_erasure, erase_organization

    record = ask_organization_erasure(organization=organization, actor="erase")
    erase_organization(organization_id=organization.id)
    record.refresh_from_db()
    print(f"erased: {sum(record.counts.values()):,} rows of {len(record.counts)} tables, messages with them")
    print("Files below its capture folder are its own and stay; so do accounts, which are their people's.")
    return 0
