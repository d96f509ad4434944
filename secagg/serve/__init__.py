"""The report's page, live over a history: for one person, on the machine where it runs.

Needs the extra ``serve`` (FastAPI and uvicorn), which is loaded with :mod:`secagg.serve.app`.
"""
