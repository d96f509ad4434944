"""Facts that merging rests on: the CWE taxonomy, and which tools' rules and checks agree."""
