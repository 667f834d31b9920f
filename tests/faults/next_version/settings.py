"""The product's settings, and the next version's migrations."""

from flywheel.settings import *  # noqa: F403
from flywheel.settings import INSTALLED_APPS as _NOW

INSTALLED_APPS = [*_NOW, "tests.faults.next_version"]
