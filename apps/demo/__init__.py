"""A simulated support bot in production: a client of the public API like any other."""
