"""One folder per command: its work, its tables and its pictures."""
