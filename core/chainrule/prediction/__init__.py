"""A trained network with the preparation of its data: raw rows in, answers out.

What may not live here: what trains, records or draws.
"""
