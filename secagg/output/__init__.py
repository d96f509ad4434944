"""What people see: tables, summaries, progress; all text from scanners is escaped here."""
