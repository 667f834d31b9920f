"""Words that go with numbers."""


def counted(n: int, one: str, many: str = "") -> str:
    """Return a count with its noun: "1 conversation", "1,204 conversations"; ``many`` defaults to ``one`` with an s."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"
