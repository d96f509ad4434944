"""Stand-ins for what cannot run in a test: services, and scanners that no registry carries."""
