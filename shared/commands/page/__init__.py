"""`compare.py page DIR`: the page once more, from a folder's results.json."""
