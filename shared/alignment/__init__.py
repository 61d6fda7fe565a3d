"""Holds a port's run against the reference, and knows what rounding can do."""
