"""One training step as a page that anyone can open, and as tables: every number, the formulas beside the lines that
compute them, and what each number was made of. It shows what ``Network.trace_step`` gives.

What may not live here: a computation that a network or an optimizer makes, or how a run is found.
"""

from chainrule.explanation.explained import Explanation, explain

__all__ = ["Explanation", "explain"]
