"""`compare.py bench`: how fast the implementations are, measured beside what people would otherwise use."""
