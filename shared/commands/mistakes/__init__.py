"""`compare.py mistakes`: every known mistake is planted, and must be found and named."""
