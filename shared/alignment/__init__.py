"""Compares a port's run with the reference, and knows what rounding can do."""
