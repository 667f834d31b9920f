"""Seeds of second factors are stored encrypted, like every other secret that must be read again."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from encrypted_fields.fields import EncryptedTextField

_FIELD = EncryptedTextField()


class SealedSecondFactors(DefaultMFAAdapter):  # type: ignore[misc]
    """allauth's own, with the data key around what it stores; a seed stored before is read as it is."""

    def encrypt(self, text: str) -> str:
        return str(_FIELD.get_prep_value(text) or "")

    def decrypt(self, encrypted_text: str) -> str:
        return str(_FIELD.to_python(encrypted_text))
