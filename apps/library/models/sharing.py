"""What one application offers to the others, and who took it over."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.library.models.prompts import PromptVersion
from apps.organizations.models import Application
from apps.platform.tenancy import TenantModel


class LibraryEntry(TenantModel):
    """A version of a prompt offered to the organization's other applications, with what it is to be measured by."""

    public_id = models.CharField(max_length=16)
    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=2_000, default="")
    tags = ArrayField(models.CharField(max_length=50), default=list)
    # What an adoption is judged by.
    metric = models.CharField(max_length=60)
    shared_by = models.CharField(max_length=254)
    shared_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "public_id"], name="an_entry_id_names_one"),
            models.UniqueConstraint(fields=["organization", "version"], name="a_version_is_shared_once"),
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="entries_newest")]

    def __str__(self) -> str:
        return self.title


class Adoption(TenantModel):
    """That an application took an entry over, into which version of which prompt."""

    entry = models.ForeignKey(LibraryEntry, on_delete=models.CASCADE, related_name="adoptions", db_constraint=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    adopted_by = models.CharField(max_length=254)
    adopted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "entry", "application"], name="an_application_adopts_an_entry_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} by {self.application_id}"
