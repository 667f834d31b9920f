"""`manage.py provision`: migrate as owner, maintain partitions, then grant the run role its privileges."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandParser, call_command

from apps.platform.migrating import migrate_patiently
from apps.platform.provisioning import grant_privileges
from apps.platform.structure import begin_with_structure


class Command(BaseCommand):
    help = "Migrate as the owner and grant the run role what it needs. Repeatable."
    # They load every page and endpoint, a third of the time; `make check` runs them, and no data can fail them.
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--every-migration", action="store_true", help="replay all of them on an empty database, however slow"
        )
        parser.add_argument("--files", action="store_true", help="collect the portal's files, compressed")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["every_migration"]:
            begin_with_structure()
        migrate_patiently(verbosity=options["verbosity"])
        # By name: this is the floor, and knows no app above it.
        call_command("maintain", verbosity=0)
        grant_privileges(str(settings.DATABASES["default"]["USER"]))
        if options["files"]:
            call_command("collectstatic", interactive=False, verbosity=0)
