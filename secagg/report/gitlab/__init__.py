"""GitLab's security reports. Each kind of problem goes into the report that GitLab has for it.

============================ =========================== ==============================
vulnerability                dependency_scanning         gl-dependency-scanning-report.json
code, misconfiguration       sast                        gl-sast-report.json
secret                       secret_detection            gl-secret-detection-report.json
============================ =========================== ==============================

A license has no place in any of them. Source: GitLab's security report schemas, 15.0.4, whose
required fields and limits (``name`` 255 characters, ``solution`` 7000, times without a zone, URLs
with http or https only) are kept here.
"""
