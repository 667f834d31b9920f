"""The REST API, version 1."""

from django.urls import path

from apps.cycles.api import views as cycles
from apps.evaluations.api import runs, threat_patterns, verdicts
from apps.evaluations.api import views as evaluations
from apps.experiments.api import comparisons, experiments, serving
from apps.improvements.api import library as shared
from apps.improvements.api import views as improvements
from apps.ingestion.api import policies, rejected, sources
from apps.ingestion.api import views as ingestion
from apps.insights.api import alerts
from apps.insights.api import views as insights
from apps.library.api import guarding, guardrails, prompts, templates
from apps.organizations.api import audit, models, webhooks
from apps.organizations.api import views as organizations
from apps.reports.api import views as reports
from flywheel.openapi import OpenApiView

urlpatterns = [
    path("logs", ingestion.LogsView.as_view()),
    path("batches", ingestion.BatchesView.as_view()),
    path("batches/<str:batch_id>/retry", ingestion.RetryBatchView.as_view()),
    path("batches/<str:batch_id>/redrive", rejected.RedriveView.as_view()),
    path("batches/<str:batch_id>/rejected.csv", rejected.RejectedLinesView.as_view(), {"form": "csv"}),
    path("batches/<str:batch_id>/rejected.ndjson", rejected.RejectedLinesView.as_view(), {"form": "ndjson"}),
    path("batches/<str:batch_id>", ingestion.BatchView.as_view()),
    path("outcomes", ingestion.OutcomesView.as_view()),
    path("applications/<slug:slug>/profile", organizations.ProfileView.as_view()),
    path("models", models.ModelsView.as_view()),
    path("models/<slug:purpose>", models.ModelView.as_view()),
    path("capture-sources", sources.CaptureSourcesView.as_view()),
    path("redaction-policy", policies.RedactionPolicyView.as_view()),
    path("sandbox/clock", organizations.SandboxClockView.as_view()),
    path("conversations", evaluations.ConversationsView.as_view(), name="conversations"),
    path("conversations/<path:session_id>", evaluations.ConversationView.as_view()),
    path("evaluation-runs", runs.RunsView.as_view()),
    path("evaluation-runs/<str:run_id>", runs.RunView.as_view()),
    path("evaluation-runs/<str:run_id>/cancel", runs.CancelRunView.as_view()),
    path("metrics", evaluations.MetricsView.as_view()),
    path("alerts", alerts.AlertsView.as_view()),
    path("alerts/<str:subscription_id>", alerts.AlertView.as_view()),
    path("insights", insights.InsightsView.as_view()),
    path("insights/<str:insight_id>", insights.InsightView.as_view()),
    path("insights/<str:insight_id>/acknowledge", insights.AcknowledgeView.as_view()),
    path("insights/<str:insight_id>/assign", insights.AssignView.as_view()),
    path("insights/<str:insight_id>/comments", insights.CommentsView.as_view()),
    path("threat-patterns", threat_patterns.ThreatPatternsView.as_view()),
    path("threat-patterns/<int:pattern_id>", threat_patterns.ThreatPatternView.as_view()),
    path("threat-patterns/<int:pattern_id>/approve", threat_patterns.ApproveThreatPatternView.as_view()),
    path("threat-patterns/<int:pattern_id>/retire", threat_patterns.RetireThreatPatternView.as_view()),
    path("verdicts", verdicts.VerdictsView.as_view()),
    path("calibration", verdicts.CalibrationView.as_view()),
    path("prompts", prompts.PromptsView.as_view()),
    path("prompts/<str:name>", serving.PromptView.as_view()),
    path("prompts/<str:name>/versions", prompts.PromptVersionsView.as_view()),
    path("prompts/<str:name>/versions/<int:number>", prompts.PromptVersionView.as_view()),
    path("guardrails", guarding.GuardrailsView.as_view()),
    path("guardrails/check", guarding.CheckView.as_view()),
    path("library/guardrails", guardrails.GuardrailLibraryView.as_view()),
    path("library/guardrails/<str:name>", guardrails.GuardrailView.as_view()),
    path("library/guardrails/<str:name>/deactivate", guardrails.DeactivateView.as_view()),
    path("library/guardrails/<str:name>/<int:number>/activate", guardrails.ActivateView.as_view()),
    path("library/guardrails/<str:name>/<int:number>/backtests", guardrails.BacktestsView.as_view()),
    path("library/entries", shared.EntriesView.as_view()),
    path("library/entries/<str:entry_id>", shared.EntryView.as_view()),
    path("library/entries/<str:entry_id>/adopt", shared.AdoptView.as_view()),
    path("response-templates", templates.ResponseTemplatesView.as_view()),
    path("exports/fine-tune.jsonl", templates.FineTuneView.as_view()),
    path("assignments", serving.AssignmentsView.as_view()),
    path("ruleset", serving.RulesetView.as_view()),
    path("comparisons", comparisons.ComparisonsView.as_view()),
    path("experiments", experiments.ExperimentsView.as_view()),
    path("experiments/<str:experiment_id>", experiments.ExperimentView.as_view()),
    path("experiments/<str:experiment_id>/results", experiments.ResultsView.as_view()),
    path("experiments/<str:experiment_id>/start", experiments.StartView.as_view()),
    path("experiments/<str:experiment_id>/pause", experiments.PauseView.as_view()),
    path("experiments/<str:experiment_id>/stop", experiments.StopView.as_view()),
    path("experiments/<str:experiment_id>/approve", experiments.ApproveView.as_view()),
    path("rollouts", experiments.RolloutsView.as_view()),
    path("rollouts/<str:experiment_id>", experiments.RolloutView.as_view()),
    path("rollouts/<str:experiment_id>/start", experiments.StartRolloutView.as_view()),
    path("rollouts/<str:experiment_id>/advance", experiments.AdvanceView.as_view()),
    path("rollouts/<str:experiment_id>/pause", experiments.PauseRolloutView.as_view()),
    path("rollouts/<str:experiment_id>/rollback", experiments.RollbackView.as_view()),
    path("improvements", improvements.ImprovementsView.as_view()),
    path("improvements/<str:improvement_id>", improvements.ImprovementView.as_view()),
    path("improvements/<str:improvement_id>/drafts", improvements.DraftsView.as_view()),
    path("improvements/<str:improvement_id>/probes", improvements.ProbesView.as_view()),
    path("improvements/<str:improvement_id>/approve", improvements.ApproveView.as_view()),
    path("improvements/<str:improvement_id>/reject", improvements.RejectView.as_view()),
    path("improvements/<str:improvement_id>/start", improvements.StartView.as_view()),
    path("improvements/<str:improvement_id>/retire", improvements.RetireView.as_view()),
    path("roi/model", reports.ModelView.as_view()),
    path("roi/reports", reports.ReportsView.as_view()),
    path("roi/reports/<str:report_id>.<str:form>", reports.ReportFileView.as_view()),
    path("roi/reports/<str:report_id>", reports.ReportView.as_view()),
    path("cycles", cycles.CyclesView.as_view()),
    path("cycles/config", cycles.CycleConfigView.as_view()),
    path("cycles/<str:cycle_id>", cycles.CycleView.as_view()),
    path("cycles/<str:cycle_id>/retry", cycles.RetryCycleView.as_view()),
    path("audit-events", audit.AuditEventsView.as_view()),
    path("webhooks", webhooks.WebhooksView.as_view()),
    path("webhooks/<str:webhook_id>", webhooks.WebhookView.as_view()),
    path("webhooks/<str:webhook_id>/rotate", webhooks.RotateWebhookView.as_view()),
    path("webhooks/<str:webhook_id>/enable", webhooks.EnableWebhookView.as_view()),
    path("webhooks/<str:webhook_id>/deliveries", webhooks.DeliveriesView.as_view()),
    path("webhooks/<str:webhook_id>/replay", webhooks.ReplayView.as_view()),
    path("openapi.json", OpenApiView.as_view(), name="openapi"),
]
