"""The nouns: finding, group, problem, place, severity, and what identifies them."""
