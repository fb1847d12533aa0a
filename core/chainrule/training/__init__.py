"""The loop over epochs and batches: the learning rate, the updates, the history, what callbacks hear.

What may not live here: where results are kept or shown.
"""
