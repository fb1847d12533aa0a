"""What all pictures are drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.text import Text

from chainrule.pictures.lettering import draw_as_it_is

if TYPE_CHECKING:
    from matplotlib.backend_bases import RendererBase


class Sheet(Figure):
    """A figure whose texts are drawn as they are, whoever put them there and whatever Matplotlib's settings say."""

    def draw(self, renderer: RendererBase) -> None:
        for text in self.findobj(Text):
            draw_as_it_is(text)
        super().draw(renderer)
