"""Starts the product's own PostgreSQL and Valkey before Django reads its settings, and stops them at the end."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from flywheel.embedded import prepare

_stack = ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    directory = _stack.enter_context(tempfile.TemporaryDirectory(prefix="flywheel-tests-"))
    Path(directory).chmod(0o711)  # the account that runs PostgreSQL for root must pass
    os.environ.update(_stack.enter_context(prepare(Path(directory))).variables)


def pytest_unconfigure() -> None:
    _stack.close()
