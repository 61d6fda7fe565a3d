"""`compare.py check FILE`: someone's own port, or a student's functions, held against the reference."""
