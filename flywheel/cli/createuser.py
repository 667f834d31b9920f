"""`flywheel createuser`: a person who can sign in, with a password made here and shown once."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from flywheel.cli.django_setup import connected

_ROLES = ("owner", "admin", "analyst", "viewer", "executive")
_TEAMS = ("security", "product", "engineering", "business")


def add(subparsers: Any) -> argparse.ArgumentParser:
    """Describe the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser("createuser", help="make a person and print the password")
    parser.add_argument("--org", required=True, help="slug of the organization; made if it is missing")
    parser.add_argument("--email", required=True)
    parser.add_argument("--role", choices=_ROLES, default="owner")
    parser.add_argument("--team", choices=_TEAMS, default="product")
    parser.add_argument("--staff", action="store_true", help="may enter the administration")
    return parser


def run(options: argparse.Namespace) -> int:
    """Make the person; an existing one gets a new password."""
    with connected(options.data_dir):
        from django.core.exceptions import ValidationError
        from django.core.validators import validate_email

        from apps.organizations import services
        from apps.platform import clock

        try:
            validate_email(options.email)
        except ValidationError:
            print(f"flywheel: {options.email} is no e-mail address", file=sys.stderr)
            return 2
        at = clock.wall()
        organization = services.ensure_organization(slug=options.org, at=at)
        user, password = services.make_person(email=options.email, staff=options.staff)
        services.add_member(
            organization_id=organization.id, user=user, role=options.role, team=options.team, at=at, actor="createuser"
        )
        print(password)
    return 0
