"""A training over its epochs: a bounded number of frames, each what one step of learning was like by then.

What may not live here: a judgement of what is seen, or how it is shown.
"""

from chainrule.film.film import Film
from chainrule.film.frames import Frame, Unit, Weight
from chainrule.film.watched import some_of

__all__ = ["Film", "Frame", "Unit", "Weight", "some_of"]
