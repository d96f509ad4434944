"""JSON from untrusted hands, read strictly, and JSON that secagg writes."""
