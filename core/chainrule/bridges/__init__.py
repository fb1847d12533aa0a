"""What takes a trained network elsewhere, in the forms that others read.

What may not live here: what trains, records or draws.
"""
