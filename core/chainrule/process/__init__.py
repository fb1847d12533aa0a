"""What a process is to its system: signals, whether it still lives, folders it holds, threads, when memory is searched.

What may not live here: anything about learning or tracking.
"""
