"""Improvements: proposed by the wheel or by hand, approved, started, followed to their verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.experiments.domain.measures import MEASURES
from apps.improvements import selectors
from apps.improvements.models import Improvement
from apps.improvements.selectors.board import Wanted, list_wanted
from apps.improvements.services import lifecycle, probing, proposing
from apps.insights.selectors.insights import find_insight
from apps.library import selectors as library
from apps.library.api.guardrails import show_backtest
from apps.library.selectors.guardrails import false_positives
from apps.organizations.api.views import OrganizationView
from apps.platform import clock
from apps.platform.api.bodies import read_object, read_reason, read_text
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem

PAGE = 50


class ImprovementsView(OrganizationView):
    """The organization's improvements."""

    scopes: ClassVar[dict[str, str]] = {"GET": "experiments", "POST": "experiments"}

    @extend_schema(
        operation_id="listImprovements",
        parameters=[OpenApiParameter("application", str), OpenApiParameter("state", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List improvements, newest first."""
        application = self.application(request.query_params.get("application") or None)
        state = request.query_params.get("state", "")
        if state and state not in Improvement.State.values:
            raise Problem(422, "bad_filter", f"state is one of {', '.join(Improvement.State.values)}.")
        wanted = Wanted(application_id=application.id if application else None, state=state)
        found = list_wanted(wanted, before=read_place(request), limit=PAGE + 1)
        page, following = cut_page(request, found, size=PAGE, key=lambda each: [each.id])
        return Response({"results": [show(each) for each in page], "next": following})

    @extend_schema(operation_id="proposeImprovement", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Propose a version of a prompt that a person wrote."""
        body = read_object(request, "bad_improvement")
        application = self.application(_text(body, "application") or None)
        if application is None:
            raise Problem(422, "no_application", "Name the application this is for.")
        prompt = library.find_prompt(_text(body, "prompt"))
        number = _number(body, "version")
        version = library.find_version(prompt, number) if prompt else None
        if version is None:
            raise Problem(422, "bad_improvement", "prompt and version name a version of a prompt of the library.")
        metric, guardrails = _text(body, "metric"), body.get("guardrails", [])
        if metric not in MEASURES or not isinstance(guardrails, list) or not set(map(str, guardrails)) <= set(MEASURES):
            raise Problem(422, "bad_improvement", f"metric and guardrails are among {', '.join(sorted(MEASURES))}.")
        named = _text(body, "insight")
        insight = self.own(find_insight(named), "insight") if named else None
        if insight is not None and insight.application_id != application.id:
            raise Problem(422, "bad_improvement", "insight is one of another application.")
        try:
            made = proposing.propose_by_hand(
                application=application, version=version, metric=metric, guardrails=guardrails,
                title=(_text(body, "title") or f"{version.prompt.name} version {number}")[:200], why=_text(body, "why"),
                insight=insight, at=clock.now(self.principal.organization), actor=self.principal.name,
            )  # fmt: skip
        except ValueError as error:
            raise Problem(409, "nothing_to_improve", str(error)) from error
        return Response(show(made), status=201)


class ImprovementView(OrganizationView):
    """One improvement, from the finding to the verdict."""

    scopes: ClassVar[dict[str, str]] = {"GET": "experiments"}

    @extend_schema(operation_id="readImprovement", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, improvement_id: str) -> Response:
        """Return why it was proposed, what it changes, what it did, and its lineage."""
        improvement = _find(self, improvement_id)
        return Response(show(improvement) | show_detail(improvement))


class _ActionView(OrganizationView):
    """A transition. 409 where the state does not have it."""

    scopes: ClassVar[dict[str, str]] = {"POST": "experiments"}

    def _act(self, improvement_id: str, act: Callable[..., Improvement], **said: Any) -> Response:
        improvement = _find(self, improvement_id)
        try:
            changed = act(
                improvement_id=improvement.id,
                at=clock.now(self.principal.organization),
                actor=self.principal.name,
                **said,
            )
        except lifecycle.NotNow as error:
            raise Problem(409, "wrong_state", str(error), state=improvement.state) from error
        return Response(show(changed))


class ApproveView(_ActionView):
    """A person's approval."""

    @extend_schema(operation_id="approveImprovement", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, improvement_id: str) -> Response:
        """Approve it; the next deploy stage starts it, or POST …/start does at once."""
        return self._act(improvement_id, lifecycle.approve, reason=read_reason(request))


class RejectView(_ActionView):
    """A person's refusal."""

    @extend_schema(operation_id="rejectImprovement", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, improvement_id: str) -> Response:
        """Reject it; the same is not proposed again within the cooldown."""
        return self._act(improvement_id, lifecycle.reject, reason=read_reason(request))


class StartView(_ActionView):
    """Starts an approved improvement."""

    @extend_schema(operation_id="startImprovement", request=None, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, improvement_id: str) -> Response:
        """Start it: as an experiment, or, on the security path, for everybody at once."""
        return self._act(improvement_id, lifecycle.start)


class RetireView(_ActionView):
    """Takes an improvement back."""

    @extend_schema(operation_id="retireImprovement", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, improvement_id: str) -> Response:
        """Roll its experiment back, or put the version before into production again."""
        return self._act(improvement_id, lifecycle.retire, reason=read_reason(request))


class DraftsView(OrganizationView):
    """A model's draft of another change for the same finding."""

    scopes: ClassVar[dict[str, str]] = {"POST": "experiments"}

    @extend_schema(operation_id="draftImprovement", request=None, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, improvement_id: str) -> Response:
        """Ask for it; it becomes a proposal of its own that only a person approves."""
        improvement = _find(self, improvement_id)
        try:
            asked = probing.ask_for_draft(
                improvement_id=improvement.id, at=clock.now(self.principal.organization), actor=self.principal.name
            )
        except probing.NotReplayable as error:
            raise Problem(409, "no_model", str(error)) from error
        return Response(show(asked), status=202)


class ProbesView(OrganizationView):
    """Old against new on the application's own model."""

    scopes: ClassVar[dict[str, str]] = {"GET": "experiments", "POST": "experiments"}

    @extend_schema(operation_id="readProbes", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, improvement_id: str) -> Response:
        """Return what the newest probes show, with those that turned."""
        improvement = _find(self, improvement_id)
        run = selectors.newest_probes(improvement)
        turned = selectors.turned_probes(run) if run else []
        return Response(selectors.probes_of(improvement, run) | {"turned": turned})

    @extend_schema(operation_id="probeImprovement", request=None, responses={202: OpenApiTypes.OBJECT})
    def post(self, request: Request, improvement_id: str) -> Response:
        """Have both versions answer every probe; the same versions on the same model are not paid for twice."""
        improvement = _find(self, improvement_id)
        try:
            run = probing.ask_for_probes(
                improvement=improvement, at=clock.now(self.principal.organization), actor=self.principal.name
            )
        except probing.NotReplayable as error:
            raise Problem(409, "not_replayable", str(error)) from error
        return Response(selectors.probes_of(improvement, run), status=202)


def show(improvement: Improvement) -> dict[str, Any]:
    """Return an improvement as lists show it."""
    return {
        "id": improvement.public_id,
        "application": improvement.application.slug,
        "key": improvement.key,
        "title": improvement.title,
        "state": improvement.state,
        "reason": improvement.reason,
        "why": improvement.why,
        "expect": improvement.expect,
        "path": improvement.path,
        "policy": improvement.policy,
        "prompt": improvement.prompt.name,
        "base_version": improvement.base_version,
        "version": improvement.version,
        "sections": improvement.sections,
        "guardrail": show_guardrail_of(improvement),
        "judged_by": improvement.judged_by,
        "insight": improvement.insight.public_id if improvement.insight else None,
        "experiment": improvement.experiment.public_id if improvement.experiment else None,
        "outcome": improvement.outcome,
        "cycle": improvement.cycle_id or None,
        "proposed_by": improvement.proposed_by,
        "proposed_at": improvement.proposed_at,
        "started_at": improvement.started_at,
        "ended_at": improvement.ended_at,
    }


def show_detail(improvement: Improvement) -> dict[str, Any]:
    """Return what one improvement's own address adds."""
    backtest = selectors.backtest_of(improvement)
    return {
        "finding": improvement.finding,
        "diff": [sign + text if sign != "@" else text for sign, text in selectors.diff_of(improvement)],
        "guardrail_diff": [sign + text for sign, text in selectors.guardrail_diff_of(improvement)],
        # Only a guardrail can be tried on captured text; without one there is nothing to replay.
        "backtest": None if backtest is None else show_backtest(backtest, false_positives([backtest])[backtest.id]),
        "probes": selectors.probes_of(improvement, selectors.newest_probes(improvement)),
        "approvals": [
            {"person": each.person, "at": each.at, "reason": each.reason}
            for each in selectors.approvals_of(improvement)
        ],
        "lineage": selectors.lineage_of(improvement),
    }


def show_guardrail_of(improvement: Improvement) -> dict[str, Any] | None:
    """Return the guardrail's version it puts in force, and which it takes the place of."""
    if improvement.guardrail is None:
        return None
    before = improvement.guardrail_before
    return {
        "name": improvement.guardrail.name,
        "version": improvement.guardrail.version,
        "before": before.version if before else None,
    }


def _find(view: OrganizationView, improvement_id: str) -> Improvement:
    return view.own(selectors.find_improvement(improvement_id), "improvement")


def _number(body: dict[str, Any], field: str) -> int:
    """Return a version's number; 0, which none has, for anything else."""
    value = body.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else 0


def _text(body: dict[str, Any], field: str) -> str:
    return read_text(body, field, "bad_improvement", longest=2_000)
