"""`compare.py study`: many seeds, what is luck, how strongly to regularize, and are the implementations equivalent."""
