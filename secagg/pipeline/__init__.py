"""The steps of a command: run scanners, read reports, merge, judge, record, write, upload."""
