"""The report: problems over time, asked, ordered, summed up and written in every useful format.

Nothing here knows where problems come from (:class:`secagg.report.source.ProblemSource`), and
what only one format needs (jinja2) is loaded with that format.
"""
