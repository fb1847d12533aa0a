"""What an author of components writes against: the base class of each kind, and what its methods are given.

What may not live here: anything that knows which components there are, or how they are put together.
"""
