"""Answer the questions of an assistant (a language model) over the Model Context Protocol.

Only :mod:`secagg.mcp.server` imports the ``mcp`` library. Answers come from the engine of the
report (:mod:`secagg.report`), and from functions of the command line that the caller passes.
"""
