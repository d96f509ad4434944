"""Test policies: cases of findings with the expected verdict, judged as by the gate."""
