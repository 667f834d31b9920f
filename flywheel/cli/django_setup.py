"""Starting Django inside a command, after its environment is prepared."""

import os

from flywheel.embedded import Environment


def start_django(environment: Environment) -> None:
    """Make this process a client of the environment's database and broker."""
    import django

    os.environ.update(environment.variables)
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    django.setup()
