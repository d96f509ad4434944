"""GitHub code scanning: what it takes, what it shows, and how to get it there.

The only package that speaks HTTP to GitHub. Limits and fields are those of GitHub's pages "SARIF
support for code scanning", "SARIF results exceed one or more limits" and "REST API endpoints for
code scanning".
"""
