"""The portal's pages."""

from django.urls import path

from apps.cycles.web import cycles, home, onboarding
from apps.evaluations.web import conversations, dashboards, runs
from apps.experiments.web import experiments
from apps.improvements.web import improvements, shared
from apps.improvements.web import insights as one_insight
from apps.ingestion.web import views as captured
from apps.insights.web import alerts, insights
from apps.library.web import prompts
from apps.organizations.web import models, people, tenants, webhooks

urlpatterns = [
    path("", home.home, name="home"),
    path("turns/", home.turns, name="home_turns"),
    path("start/", onboarding.start, name="start"),
    path("listening/", onboarding.listening, name="listening"),
    path("conversations/", conversations.conversations, name="conversations"),
    path("conversations.csv", conversations.conversations_file, name="conversations_csv"),
    path("conversations/<int:conversation_id>/", conversations.conversation, name="conversation"),
    path("security/", dashboards.security, name="security"),
    path("quality/", dashboards.quality, name="quality"),
    path("business/", dashboards.business, name="business"),
    path("performance/", dashboards.performance, name="performance"),
    path("runs/", runs.run_list, name="runs"),
    path("runs/<str:run_id>/", runs.run, name="run"),
    path("runs/<str:run_id>/progress/", runs.progress, name="run_progress"),
    path("runs/<str:run_id>/cancel/", runs.cancel, name="cancel_run"),
    path("insights/", insights.insight_list, name="insights"),
    path("insights/<str:insight_id>/", one_insight.insight, name="insight"),
    path("insights/<str:insight_id>/acknowledge/", insights.acknowledge, name="acknowledge_insight"),
    path("insights/<str:insight_id>/assign/", insights.assign, name="assign_insight"),
    path("insights/<str:insight_id>/comment/", insights.comment, name="comment_on_insight"),
    path("improvements/", improvements.improvement_list, name="improvements"),
    path("improvements/<str:improvement_id>/", improvements.improvement, name="improvement"),
    path("improvements/<str:improvement_id>/<slug:action>/", improvements.act, name="act_on_improvement"),
    path("experiments/", experiments.experiment_list, name="experiments"),
    path("experiments/<str:experiment_id>/", experiments.experiment, name="experiment"),
    path("experiments/<str:experiment_id>/<slug:action>/", experiments.act, name="act_on_experiment"),
    path("shared/", shared.entry_list, name="entries"),
    path("shared/<str:entry_id>/adopt/", shared.adopt_entry, name="adopt_entry"),
    path("shared/<str:entry_id>/withdraw/", shared.withdraw_entry, name="withdraw_entry"),
    path("library/<str:name>/<int:number>/share/", shared.share_version, name="share_version"),
    path("library/", prompts.prompt_list, name="prompts"),
    path("library/<str:name>/", prompts.prompt, name="prompt"),
    path("library/<str:name>/<int:number>/label/", prompts.label, name="label_version"),
    path("cycles/", cycles.cycle_list, name="cycles"),
    path("cycles/<str:cycle_id>/", cycles.cycle, name="cycle"),
    path("cycles/<str:cycle_id>/retry/", cycles.retry, name="retry_cycle"),
    path("applications/<slug:slug>/wheel/", cycles.configuration, name="cycle_config"),
    path("uploads/", captured.batches, name="batches"),
    path("uploads/new/", captured.upload, name="upload"),
    path("uploads/<str:batch_id>/", captured.batch, name="batch"),
    path("uploads/<str:batch_id>/status/", captured.batch_status, name="batch_status"),
    path("uploads/<str:batch_id>/rejected.csv", captured.rejected_lines, name="rejected_lines"),
    path("organizations/", tenants.organizations, name="organizations"),
    path("organizations/switch/", tenants.switch_organization, name="switch_organization"),
    path("applications/", tenants.applications, name="applications"),
    path("applications/new/", tenants.create_application, name="create_application"),
    path("applications/<slug:slug>/", tenants.application, name="application"),
    path("models/", models.models, name="models"),
    path("models/set/", models.model, name="model"),
    path("models/forget/", models.remove_model, name="remove_model"),
    path("team/", people.team, name="team"),
    path("team/members/<int:member_id>/", people.change_member, name="change_member"),
    path("team/members/<int:member_id>/remove/", people.remove_member, name="remove_member"),
    path("team/invitations/<int:invitation_id>/revoke/", people.revoke_invitation, name="revoke_invitation"),
    path("invitations/<str:token>/", people.invitation, name="invitation"),
    path("keys/", people.keys, name="keys"),
    path("keys/<slug:prefix>/rotate/", people.rotate_key, name="rotate_key"),
    path("keys/<slug:prefix>/revoke/", people.revoke_key, name="revoke_key"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/others/", alerts.subscribe_others, name="subscribe_others"),
    path("alerts/<str:subscription_id>/stop/", alerts.unsubscribe, name="unsubscribe_alerts"),
    path("webhooks/", webhooks.webhook_list, name="webhooks"),
    path("webhooks/<str:webhook_id>/", webhooks.webhook, name="webhook"),
    path("webhooks/<str:webhook_id>/secret/", webhooks.rotate, name="rotate_webhook"),
    path("webhooks/<str:webhook_id>/events/<str:event_id>/", webhooks.send_again, name="send_webhook_again"),
    path("webhooks/<str:webhook_id>/<slug:action>/", webhooks.act, name="act_on_webhook"),
    path("audit/", people.audit, name="audit"),
]
