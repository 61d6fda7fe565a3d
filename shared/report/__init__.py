"""What people and machines read after a run: results.json, and the table and pictures made from it."""
