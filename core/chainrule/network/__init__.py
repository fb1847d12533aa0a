"""Layers as one list of named steps, with a loss at their end: forward, backward, targets, files.

What may not live here: a loop over epochs, or a config.
"""
