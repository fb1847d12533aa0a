"""Formulas of single numbers, computed over whole vectors: in passes of NumPy, or in one compiled loop.

No component may live here, nor what one computes: this room is given a function, and knows nothing else of it.
"""
