"""One run, to be read from top to bottom in ``run.py``; sweeps of them, their reports, running one again.

What may not live here: how anything learns, is composed or is stored.
"""
