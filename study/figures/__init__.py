"""The figures, one module a chapter."""
