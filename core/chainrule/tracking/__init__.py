"""MLflow: the store, the life of a run, its tags, their delivery, reading them back.

What may not live here: a network, or what is done with what is read.
"""
