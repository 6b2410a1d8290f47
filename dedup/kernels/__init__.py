"""Jitted loops: arrays in, arrays out; NumPy and Numba only.

Each kernel trusts its input and only fills the arrays it is given; the
wrappers beside their users validate and allocate. Every kernel has a plain
twin in the tests that it must match exactly.
"""
