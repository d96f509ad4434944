"""The screens as people see them, kept as text: see :mod:`tests.screens.take`."""
