"""Benchmarks: against the real product, with the ratios that make a figure mean something in the same run."""
