"""What the product imports is what `make demo` installs, and no process loads heavy libraries before it needs them."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"apps", "clients", "flywheel"}
HEAVY = {"numpy", "scipy", "sklearn", "statsmodels", "vaderSentiment", "openai"}


def imported() -> dict[str, str]:
    """Return every package the product imports, wherever in a file, with one file that does."""
    found: dict[str, str] = {}
    for path in sorted(path for name in OURS for path in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            found |= {name.partition(".")[0]: str(path.relative_to(ROOT)) for name in names}
    return found


def test_every_package_the_product_imports_is_installed_without_the_development_ones() -> None:
    pinned = {
        line.partition("==")[0].partition("[")[0].lower().replace("_", "-")
        for line in (ROOT / "requirements" / "base.txt").read_text("utf-8").splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    of = {
        package: {name.lower().replace("_", "-") for name in names}
        for package, names in packages_distributions().items()
    }

    missing = {
        package: where
        for package, where in imported().items()
        if package not in sys.stdlib_module_names | OURS and not of.get(package, set()) & pinned
    }

    assert missing == {}, "add it to requirements/base.in"


@pytest.mark.parametrize(
    "start",
    [
        "import django; django.setup(); import flywheel.urls, flywheel.wsgi",
        "from flywheel.celery import app; app.loader.import_default_modules()",
    ],
    ids=["web", "worker"],
)
def test_a_process_starts_without_what_only_some_of_its_work_needs(start: str) -> None:
    code = f"{start}; import sys; print(sorted({HEAVY!r} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_web_process_has_read_its_pages_and_leaves_them_to_no_collector() -> None:
    code = "import flywheel.wsgi, gc, sys; print('apps.reports.web.dashboards' in sys.modules, gc.get_freeze_count())"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    loaded, frozen = done.stdout.split()
    assert loaded == "True"
    assert int(frozen) > 50_000
