"""`manage.py maintain`: keep message partitions ahead, let go of what its organization no longer keeps."""

from typing import Any

from django.core.management import BaseCommand

from apps.ingestion.services.retention import maintain
from apps.platform import clock


class Command(BaseCommand):
    help = (
        "Make the next days' partitions and delete what is past its retention. Repeatable; run it daily as the owner."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        done = maintain(at=clock.wall())
        if options["verbosity"]:
            told = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in done.items())
            self.stdout.write(f"maintained: {told}")
