"""Organizations, people, keys and jobs in the administration."""

from apps.organizations.admin import jobs, keys, people, tenants, webhooks

__all__ = ["jobs", "keys", "people", "tenants", "webhooks"]
