"""Starts the product's own PostgreSQL and Valkey before Django reads its settings, and stops them at the end."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from flywheel.embedded import prepare

_stack = ExitStack()
_OURS = "FLYWHEEL_TESTS_OWN_SERVICES"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        # What the process that hands out the tests has started is not shared: each worker has its own.
        for name in filter(None, os.environ.pop(_OURS, "").split(",")):
            os.environ.pop(name, None)
    before = dict(os.environ)
    directory = _stack.enter_context(tempfile.TemporaryDirectory(prefix="flywheel-tests-"))
    Path(directory).chmod(0o711)  # the account that runs PostgreSQL for root must pass
    os.environ.update(_stack.enter_context(prepare(Path(directory))).variables)
    os.environ[_OURS] = ",".join(name for name in os.environ if name not in before)


def pytest_unconfigure() -> None:
    _stack.close()
