"""What every command runs on: its flags, its processes and what they say, records of runs, files and the terminal."""
