"""The command line: a file for each command, and the templates of ``chainrule new``.

What may not live here: work that somebody might want to do from Python.
"""
