"""`compare.py limits`: what the comparison can see, measured."""
