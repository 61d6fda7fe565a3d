"""The comparison itself: `compare.py` without a command's name."""
