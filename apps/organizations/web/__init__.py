"""Pages about people, applications and keys, and the frame of all pages."""
