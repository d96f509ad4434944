"""The report: query, sort and summarize the problems of the history, and write them in a format.

Problems come from a :class:`secagg.report.source.ProblemSource`. A library that only one format
needs (jinja2) is loaded with that format.
"""
