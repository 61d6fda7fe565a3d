"""`compare.py check FILE`: someone's own port, or a student's functions, compared with the reference."""
