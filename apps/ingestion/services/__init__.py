"""What capture does: accept a push durably, store it, take late truths, let go of what is too old."""
