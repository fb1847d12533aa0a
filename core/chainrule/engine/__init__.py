"""Formulas of single numbers, computed over whole vectors: in passes of NumPy, or in one compiled loop; and loops that
are written out.

What may not live here: any component, and what one computes. This room is given functions, and knows nothing else of
them.
"""
