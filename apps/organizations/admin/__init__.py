"""Organizations, people and keys in the administration."""

from apps.organizations.admin import keys, people, tenants, webhooks

__all__ = ["keys", "people", "tenants", "webhooks"]
