"""Compiled numerics: pure functions of arrays that return a status and never raise.

No domain word lives here, and nothing but numpy, numba and llvmlite is imported.
"""
