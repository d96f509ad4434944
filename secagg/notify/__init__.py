"""Notify people of the history's problems: compose a digest, send it once to each target.

Only :mod:`secagg.notify.targets` imports apprise, which sends to Slack, Teams, mail and the others.
"""
