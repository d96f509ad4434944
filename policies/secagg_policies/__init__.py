"""The built-in policies, as YAML files beside this module."""
