"""The loop over epochs and batches: the learning rate, the history, what callbacks hear, and whatever must
be kept for a training to go on, as a checkpoint would.

What may not live here: how a run is described, recorded or shown.
"""
