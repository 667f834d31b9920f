"""Pages about what was found."""
