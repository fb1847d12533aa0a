"""A trained network with the preparation of its data: raw rows in, answers out.

What trains, records or draws does not live here.
"""
