"""The machine: programs, git, files, YAML, patterns, durations."""
