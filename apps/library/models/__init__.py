"""The shared library."""

from apps.library.models.guardrails import Backtest, Guardrail, GuardrailActivation
from apps.library.models.prompts import LabelAssignment, PendingLabel, Prompt, PromptVersion
from apps.library.models.sharing import Adoption, LibraryEntry
from apps.library.models.templates import ResponseTemplate

__all__ = [
    "Adoption",
    "Backtest",
    "Guardrail",
    "GuardrailActivation",
    "LabelAssignment",
    "LibraryEntry",
    "PendingLabel",
    "Prompt",
    "PromptVersion",
    "ResponseTemplate",
]
