"""Shows that the guards' tests can fail: removes each guard once, in a copy of the tree, and prints what the tests say.

    python scripts/remove_guards.py [WORD …]     # the guards with such a word in their name; all by default

Exits with 1 when a guard's text is not where it is listed here, or when it can be removed and no test notices.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_TENANCY = "tests/architecture/test_tenancy_guards.py"
_API = "tests/architecture/test_api_access.py"
_PORTAL = "tests/architecture/test_portal_access.py"
_REMOVED = "tests/portal/test_pages.py::test_a_removed_member_is_refused_on_the_next_request"
_STRUCTURE = "apps/platform/structure.sql"
_KEYED = "(organization_id = (NULLIF(current_setting('flywheel.organization'::text, true), ''::text))::bigint)"


@dataclass(frozen=True)
class Guard:
    """A guard: where its text stands, what stands there without it, and the tests that must notice."""

    name: str
    path: str
    text: str
    without: str
    tests: str


GUARDS = (
    Guard("row security of a table", _STRUCTURE,
          "ALTER TABLE public.insights_insight ENABLE ROW LEVEL SECURITY;", "", _TENANCY),
    Guard("the organization in a policy", _STRUCTURE,
          f"CREATE POLICY one_organization ON public.insights_insight USING ({_KEYED}) WITH CHECK ({_KEYED});",
          "CREATE POLICY one_organization ON public.insights_insight USING (true);", _TENANCY),
    Guard("a child is of its parent's organization", _STRUCTURE,
          "ADD CONSTRAINT insights_insight_application_id_is_of_the_same_organization FOREIGN KEY (organization_id, "
          "application_id) REFERENCES public.organizations_application(organization_id, id)",
          "ADD CONSTRAINT insights_insight_any_application FOREIGN KEY (application_id) "
          "REFERENCES public.organizations_application(id)", _TENANCY),
    Guard("partitions are closed to the run role", "apps/platform/provisioning.py",
          'if is_partition or name == "django_migrations":', 'if name == "django_migrations":', _TENANCY),
    Guard("the run role is not the owner", "flywheel/embedded/environment.py",
          'environment.postgres.url("flywheel_run")', 'environment.postgres.url("flywheel_owner")', _TENANCY),
    Guard("the manager that fails closed", "apps/platform/tenancy.py",
          "objects: TenantManager[Any] = TenantManager()", "objects: models.Manager[Any] = models.Manager()", _TENANCY),
    Guard("the manager's filter", "apps/platform/tenancy.py",
          "return super().get_queryset().filter(organization_id=current_organization_id())",
          "return super().get_queryset()", "tests/platform/test_tenancy.py"),
    Guard("every address of the API is listed", "flywheel/api_urls.py",
          "urlpatterns = [", 'urlpatterns = [\n    path("unlisted", lambda request: None),', _API),
    Guard("a key's scope", "apps/organizations/api/permissions.py",
          "if needed is None or needed not in request.user.scopes:", "if needed is None:", _API),
    Guard("a revoked key", "apps/organizations/selectors.py",
          "if key.revoked_at is not None or (", "if (", _API),
    Guard("a key of one application", "apps/organizations/api/views.py",
          "if row is None or (bound is not None and row.application_id != bound):", "if row is None:", _API),
    Guard("a role on a page", "apps/organizations/web/access.py",
          "if membership.role not in roles:", "if False:", _PORTAL),
    Guard("a removed member's session", "apps/organizations/web/access.py",
          "            del request.session[ORGANIZATION_KEY]\n            raise PermissionDenied\n",
          "            return memberships[-1] if memberships else None\n", _REMOVED),
    Guard("the token of every form", "flywheel/settings.py",
          '    "django.middleware.csrf.CsrfViewMiddleware",\n', "", _PORTAL),
    Guard("an error answer rolls back (API)", "apps/organizations/api/views.py",
          "if response.status_code >= 400:", "if False:", "tests/organizations/test_error_answers.py"),
    Guard("an error answer rolls back (portal)", "apps/platform/answers.py",
          "if response.status_code >= 400:", "if False:", "tests/organizations/test_error_answers.py"),
    Guard("formulas in CSV", "apps/platform/cells.py",
          """return f"'{text}" if _FORMULA.match(text) else text""", "return text",
          "tests/ingestion/test_rejected_lines.py"),
)  # fmt: skip


def main(words: list[str]) -> int:
    """Remove them one by one; return how it went."""
    unnoticed = 0
    with tempfile.TemporaryDirectory(prefix="flywheel-guards-") as directory:
        Path(directory).chmod(0o711)
        copy = Path(directory) / "copy"
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607
        for name in filter(None, tracked.stdout.split("\0")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
        for guard in GUARDS:
            if not words or any(word in guard.name for word in words):
                said = _without(guard, copy)
                unnoticed += not said
                print(f"{guard.name}: {guard.path}\n  {said or 'NOBODY NOTICES'}", flush=True)
    return 1 if unnoticed else 0


def _without(guard: Guard, copy: Path) -> str:
    """Return what the tests say first without the guard; empty when they pass."""
    path = copy / guard.path
    whole = path.read_text()
    if guard.text not in whole:
        raise SystemExit(f"{guard.name}: not found in {guard.path}; list it here as it is now")
    path.write_text(whole.replace(guard.text, guard.without, 1))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=short", guard.tests]
    try:
        wide = {**os.environ, "COLUMNS": "200"}
        done = subprocess.run(command, cwd=copy, env=wide, capture_output=True, text=True, check=False)  # noqa: S603
    finally:
        path.write_text(whole)
    if done.returncode == 0:
        return ""
    failed = re.search(r"^(?:FAILED|ERROR) (.*)$", done.stdout, re.MULTILINE)
    return failed.group(1) if failed else done.stdout[-500:] + done.stderr[-500:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
