"""Public identifiers: short, unguessable, with a letter that says what they name."""

import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U to misread


def new_identifier(kind: str) -> str:
    """Return ``kind`` + 12 random characters (60 bits), for example ``b_7K2M0QX4T9VA``."""
    return f"{kind}_" + "".join(secrets.choice(_ALPHABET) for _ in range(12))
