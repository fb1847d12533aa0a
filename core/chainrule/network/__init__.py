"""Layers as one list of named steps, ``Network.steps``, with a loss at their end: forward, backward, update,
targets, files.

What may not live here: a loop over epochs, a config, or what is done with a network elsewhere.
"""
