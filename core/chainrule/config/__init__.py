"""From the command line to a job: Hydra, the nodes made from fields, what is refused and how it is told.

What may not live here: building or running what a config describes.
"""
