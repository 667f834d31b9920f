"""`manage.py provision`: migrate as owner, maintain partitions, then grant the run role its privileges."""

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, call_command

from apps.platform.provisioning import grant_privileges


class Command(BaseCommand):
    help = "Migrate as the owner and grant the run role what it needs. Repeatable."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", database="owner", interactive=False, verbosity=options["verbosity"])
        # By name: this is the floor, and knows no app above it.
        call_command("maintain", verbosity=0)
        grant_privileges(str(settings.DATABASES["default"]["USER"]))
