"""Every figure that a run leaves, a file for each, on one page and in one style.

What may not live here: a network: what it says of data is handed over.
"""
