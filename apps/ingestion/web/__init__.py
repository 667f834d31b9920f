"""Pages about what was captured."""
