"""Experiments and rollouts: made, started, paused, stopped, approved; their results."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.experiments.api.reading import read_guardrails, read_plan, read_rollout, read_steps
from apps.experiments.domain.plans import BadPlan
from apps.experiments.models import Experiment
from apps.experiments.selectors import experiments as selectors
from apps.experiments.services import lifecycle, planning
from apps.library.models import Prompt
from apps.library.selectors import find_prompt
from apps.organizations.api.views import OrganizationView
from apps.organizations.models import Application
from apps.platform import clock
from apps.platform.api.bodies import read_object, read_reason, read_time
from apps.platform.api.cursors import cut_page, read_place
from apps.platform.api.problems import Problem

PAGE = 50
_SCOPE = "experiments"


class _ExperimentsView(OrganizationView):
    """Experiments of one kind: listed, and made."""

    scopes: ClassVar[dict[str, str]] = {"GET": _SCOPE, "POST": _SCOPE}
    kind: ClassVar[str]

    def _list(self, request: Request) -> Response:
        state = request.query_params.get("state", "")
        if state and state not in Experiment.State.values:
            raise Problem(422, "bad_filter", f"state is one of {', '.join(Experiment.State.values)}.")
        found = selectors.list_experiments(before=read_place(request), limit=PAGE + 1, kind=self.kind, state=state)
        page, following = cut_page(request, found, size=PAGE, key=lambda each: [each.id])
        return Response({"results": [show(each) for each in page], "next": following})

    def _served(self, body: dict[str, Any]) -> Application | None:
        """Return whose users alone will be served, None for all; 404 for a foreign one. Raises BadPlan."""
        slug = body.get("application") or ""
        if not isinstance(slug, str) or "\x00" in slug:
            raise BadPlan([("application", "is the slug of an application")])
        return self.application(slug or None)

    def _make(self, request: Request, make: Callable[[dict[str, Any], Prompt, datetime], Experiment]) -> Response:
        body = read_object(request, "bad_plan")
        prompt = find_prompt(str(body.get("prompt", "")).replace("\x00", ""))
        if prompt is None:
            raise Problem(422, "bad_plan", "prompt: there is no such prompt in this organization.")
        try:
            return Response(show(make(body, prompt, clock.now(self.principal.organization))), status=201)
        except BadPlan as error:
            faults = [{"field": field, "detail": words} for field, words in error.faults]
            raise Problem(422, "bad_plan", str(error), faults=faults) from error


class ExperimentsView(_ExperimentsView):
    """The organization's experiments."""

    kind = Experiment.Kind.EXPERIMENT

    @extend_schema(
        operation_id="listExperiments",
        parameters=[OpenApiParameter("state", str)],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> Response:
        """List experiments, newest first."""
        answer = self._list(request)
        expected, experiments = selectors.expected_false_promotions(at=clock.now(self.principal.organization))
        answer.data["false_promotions_a_year"] = {"expected_at_most": expected, "experiments": experiments}
        return answer

    @extend_schema(operation_id="createExperiment", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Make a draft. A plan that cannot be run is refused with everything that is wrong with it."""
        return self._make(request, self._draft)

    def _draft(self, body: dict[str, Any], prompt: Prompt, at: datetime) -> Experiment:
        hypothesis = body.get("hypothesis", "")
        if not isinstance(hypothesis, str) or len(hypothesis) > 2_000 or "\x00" in hypothesis:
            raise BadPlan([("hypothesis", "is a text of at most 2,000 characters")])
        return planning.create_experiment(
            prompt=prompt, plan=read_plan(body), name=str(body.get("name") or f"{prompt.name}: {body.get('metric')}"),
            label=_label(body), hypothesis=hypothesis, application=self._served(body), at=at, actor=self.principal.name,
        )  # fmt: skip


class RolloutsView(_ExperimentsView):
    """The organization's rollouts: no question asked, steps guarded against harm."""

    kind = Experiment.Kind.ROLLOUT

    @extend_schema(
        operation_id="listRollouts", parameters=[OpenApiParameter("state", str)], responses={200: OpenApiTypes.OBJECT}
    )
    def get(self, request: Request) -> Response:
        """List rollouts, newest first."""
        return self._list(request)

    @extend_schema(operation_id="createRollout", request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Make a draft that leads from where the label stands to a version, step by step."""
        return self._make(request, self._draft)

    def _draft(self, body: dict[str, Any], prompt: Prompt, at: datetime) -> Experiment:
        to_version, label, approval = read_rollout(body)
        plan = planning.plan_rollout(
            prompt=prompt, to_version=to_version, label=label, steps=read_steps(body),
            guardrails=read_guardrails(body), approval=approval,
        )  # fmt: skip
        return planning.create_experiment(
            prompt=prompt, plan=plan, name=str(body.get("name") or f"{prompt.name} to version {to_version}"),
            label=label, kind=Experiment.Kind.ROLLOUT, application=self._served(body), at=at,
            actor=self.principal.name,
        )  # fmt: skip


class ExperimentView(OrganizationView):
    """One experiment or rollout."""

    scopes: ClassVar[dict[str, str]] = {"GET": _SCOPE}
    kind: ClassVar[str] = Experiment.Kind.EXPERIMENT

    @extend_schema(operation_id="readExperiment", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, experiment_id: str) -> Response:
        """Return its plan, state, and every decision with its reason."""
        experiment = _find(experiment_id, self.kind)
        return Response(show(experiment) | {"decisions": show_decisions(experiment)})


class RolloutView(ExperimentView):
    """One rollout."""

    kind = Experiment.Kind.ROLLOUT

    @extend_schema(operation_id="readRollout", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, experiment_id: str) -> Response:
        """Return its steps, where it stands, and every decision with its reason."""
        return super().get(request, experiment_id)


class ResultsView(OrganizationView):
    """What an experiment shows so far, or showed when it was decided."""

    scopes: ClassVar[dict[str, str]] = {"GET": _SCOPE}

    @extend_schema(operation_id="readResults", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, experiment_id: str) -> Response:
        """Return variants, comparisons (treatment − control, fractions), sample ratio, guardrails, state and needs."""
        experiment = _find(experiment_id)
        return Response(selectors.results_of(experiment, at=clock.now(self.principal.organization)))


class _ActionView(OrganizationView):
    """A transition. 409 where the state does not have it."""

    scopes: ClassVar[dict[str, str]] = {"POST": _SCOPE}
    kind: ClassVar[str] = Experiment.Kind.EXPERIMENT

    def _act(self, request: Request, experiment_id: str, act: Callable[..., Experiment], **said: Any) -> Response:
        experiment = _find(experiment_id, self.kind)
        try:
            changed = act(
                experiment_id=experiment.id,
                at=clock.now(self.principal.organization),
                actor=self.principal.name,
                **said,
            )
        except lifecycle.NotNow as error:
            raise Problem(409, "wrong_state", str(error), state=experiment.state) from error
        return Response(show(changed))


class StartView(_ActionView):
    """Starts a draft; goes on with a paused one; begins a new phase of an invalid one."""

    @extend_schema(operation_id="startExperiment", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, experiment_id: str) -> Response:
        """Start now, or at ``start_at``."""
        return self._act(request, experiment_id, lifecycle.start, start_at=_moment(request))


class PauseView(_ActionView):
    """Holds: units keep what they have, nothing is decided."""

    @extend_schema(operation_id="pauseExperiment", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, experiment_id: str) -> Response:
        """Pause."""
        return self._act(request, experiment_id, lifecycle.pause, reason=read_reason(request))


class StopView(_ActionView):
    """The kill switch."""

    @extend_schema(operation_id="stopExperiment", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, experiment_id: str) -> Response:
        """Stop: everybody has what the label names, from the next fetch on."""
        return self._act(request, experiment_id, lifecycle.stop, reason=read_reason(request))


class ApproveView(_ActionView):
    """A person's approval of the winner."""

    @extend_schema(operation_id="approveExperiment", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, experiment_id: str) -> Response:
        """Approve; with as many approvals as the plan asks for, the winner is promoted."""
        return self._act(request, experiment_id, lifecycle.approve, reason=read_reason(request))


class StartRolloutView(StartView):
    """Starts a rollout, or goes on with it."""

    kind = Experiment.Kind.ROLLOUT

    @extend_schema(operation_id="startRollout", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, experiment_id: str) -> Response:
        """Start now, or at ``start_at``."""
        return super().post(request, experiment_id)


class PauseRolloutView(PauseView):
    """Holds a rollout at its step."""

    kind = Experiment.Kind.ROLLOUT

    @extend_schema(operation_id="pauseRollout", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, experiment_id: str) -> Response:
        """Pause."""
        return super().post(request, experiment_id)


class AdvanceView(_ActionView):
    """A person's approval: to leave the present step, or, after the last, to promote."""

    kind = Experiment.Kind.ROLLOUT

    @extend_schema(operation_id="advanceRollout", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, experiment_id: str) -> Response:
        """Approve leaving this step; it is left when its hours and units are reached and nothing is harmed."""
        waiting = _find(experiment_id, self.kind).state == Experiment.State.AWAITING_APPROVAL
        return self._act(request, experiment_id, lifecycle.approve if waiting else lifecycle.advance)


class RollbackView(_ActionView):
    """Takes the new version away from everybody."""

    kind = Experiment.Kind.ROLLOUT

    @extend_schema(operation_id="rollBack", request=OpenApiTypes.OBJECT, responses={200: OpenApiTypes.OBJECT})
    def post(self, request: Request, experiment_id: str) -> Response:
        """Roll back: everybody has exactly what the label named before."""
        return self._act(request, experiment_id, lifecycle.roll_back, reason=read_reason(request))


def show(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment or rollout as the API shows it."""
    plan = experiment.plan
    control, *_ = plan["variants"]
    shown = {
        "id": experiment.public_id,
        "name": experiment.name,
        "hypothesis": experiment.hypothesis,
        "prompt": experiment.prompt.name,
        "label": experiment.label,
        "state": experiment.state,
        "reason": experiment.reason,
        "needs": experiment.needs,
        "winner": experiment.winner or None,
        "control": control["key"],
        **plan,
        "step": experiment.step + 1 if plan["steps"] else None,
        "version_before": experiment.version_before,
        "created_by": experiment.created_by,
        "created_at": experiment.created_at,
        "start_at": experiment.start_at,
        "started_at": experiment.started_at,
        "ended_at": experiment.ended_at,
        "looked_at": experiment.looked_at,
    }
    if experiment.kind == Experiment.Kind.ROLLOUT:
        shown["to_version"] = plan["variants"][-1]["version"]
    return shown


def show_decisions(experiment: Experiment) -> list[dict[str, Any]]:
    """Return what was decided, newest first, without the evidence's bulk."""
    return [
        {
            "at": each.at, "phase": each.phase, "rule": each.rule, "action": each.action,
            "variant": each.variant or None, "reason": each.reason, "actor": each.actor,
        }
        for each in selectors.decisions_of(experiment)
    ]  # fmt: skip


def _find(experiment_id: str, kind: str | None = None) -> Experiment:
    experiment = selectors.find_experiment(experiment_id, kind)
    if experiment is None:
        raise Problem(404, "not_found", "There is no such experiment in this organization.")
    return experiment


def _label(body: dict[str, Any]) -> str:
    label = body.get("label", "production")
    if not isinstance(label, str) or not 0 < len(label) <= 50 or "\x00" in label:
        raise BadPlan([("label", "is the label whose traffic is divided")])
    return label


def _moment(request: Request) -> datetime | None:
    given = request.data.get("start_at") if isinstance(request.data, dict) else None
    return None if given is None else read_time(given, "start_at", "bad_moment")
