"""Text on a picture as its owner wrote it: no formula, in fonts that have its letters, cut where the room ends.

The name of a class, a feature, a run or a sweep may be anything. Matplotlib's own font has the letters of Europe, and
Arabic; for others the fonts of the machine are searched, once for each letter, and only where there is such a letter.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from chainrule.words import cut, cut_inside, one_line

if TYPE_CHECKING:
    from matplotlib.font_manager import FontEntry
    from matplotlib.text import Text

DPI = 100
OWN_FONT = "DejaVu Sans"  # comes with Matplotlib
MISSING = "□"
REGULAR, BOLD = 400, 700  # weights
LONGEST = 300  # letters that are looked at
UNSEEN = ("Cc", "Cf", "Cs")  # Unicode's categories: control characters, marks of direction and joiners, half letters
Shorten: TypeAlias = Callable[[str, int], str]
log = logging.getLogger(__name__)


def draw_as_it_is(text: Text) -> None:
    """Let it be drawn letter by letter: neither as a formula nor by TeX, and in fonts that have its letters."""
    text.set_usetex(False)
    text.set_parse_math(False)
    if not (text.get_text().isascii() and text.get_text().isprintable()):
        text.set_text("\n".join(map(_seen, text.get_text().split("\n"))))
        more = fonts().families(text.get_text())
        if more:
            text.set_fontfamily([*text.get_fontfamily(), *more])
            text.set_fontweight(REGULAR)  # other fonts may have no bold letters


def fitted(text: object, inches: float, size: float, weight: int = REGULAR, shorten: Shorten = cut) -> str:
    """It on one line, cut to the room that there is.

    Args:
        size: of the letters, in points.
        shorten: to so many letters.
    """
    line = one_line(_seen(cut_inside(one_line(text), LONGEST))) or "(empty)"
    short, long = 1, len(line)
    if width(line, size, weight) <= inches:
        return line
    while short < long:  # the length that just fits, by halves
        middle = (short + long + 1) // 2
        short, long = (middle, long) if width(shorten(line, middle), size, weight) <= inches else (short, middle - 1)
    return shorten(line, short)


def told_apart(names: Sequence[object], inches: float, size: float) -> list[str]:
    """Each fitted. Those that then are the same show their ends too, or else their places, from 0."""
    shown = [fitted(name, inches, size) for name in names]
    count = Counter(shown)
    shown = [
        text if count[text] == 1 else fitted(name, inches, size, shorten=cut_inside) for name, text in zip(names, shown)
    ]
    count = Counter(shown)
    for place, text in enumerate(shown):
        if count[text] > 1:
            number = f" ({place})"
            shown[place] = fitted(text, inches - width(number, size), size) + number
    return shown


def width(text: str, size: float, weight: int = REGULAR) -> float:
    """In inches, of one line of letters of so many points."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    more = fonts().families(text)
    family = [*FontProperties().get_family(), *more]
    letters = FontProperties(family=family, size=size, weight=REGULAR if more else weight)
    measure = RendererAgg(1, 1, DPI)  # type: ignore[no-untyped-call]
    wide, _, _ = measure.get_text_width_height_descent(text, letters, ismath=False)  # type: ignore[no-untyped-call]
    return float(wide) / DPI


def widest(texts: Iterable[str], size: float) -> float:
    """The width of the widest, in inches."""
    return max((width(text, size) for text in texts), default=0.0)


def _seen(text: str) -> str:
    """It without what cannot be seen, which Matplotlib would draw as boxes; and boxes for what no font has."""
    if text.isascii() and text.isprintable():
        return text
    seen = "".join(letter for letter in text if not _unseen(letter))
    missing = fonts().missing(seen)
    return "".join(MISSING if letter in missing else letter for letter in seen)


def _unseen(letter: str) -> bool:
    return unicodedata.category(letter) in UNSEEN or "VARIATION SELECTOR" in unicodedata.name(letter, "")


@functools.cache
def fonts() -> Fonts:
    """Those of this machine."""
    return Fonts()


class Fonts:
    """In which font each letter is found that the fonts of Matplotlib's settings lack, as far as it was asked for."""

    def __init__(self) -> None:
        self._family: dict[str, str | None] = {}

    def families(self, text: str) -> list[str]:
        """Of the further fonts that are needed."""
        return list(dict.fromkeys(family for family in self._of(text).values() if family))

    def missing(self, text: str) -> set[str]:
        """The letters that no font has."""
        return {letter for letter, family in self._of(text).items() if family is None}

    def _of(self, text: str) -> dict[str, str | None]:
        """The family for each letter: empty for one that needs no further font."""
        letters = {letter for letter in text if not letter.isascii() and not letter.isspace()}
        if not letters <= self._family.keys():
            self._search(letters - self._family.keys())
        return {letter: self._family[letter] for letter in text if letter in letters}

    def _search(self, letters: set[str]) -> None:
        usual = _outlined(_file(None, REGULAR), letters) & _outlined(_file(None, BOLD), letters)
        found = dict.fromkeys(usual, "")
        known = {family for family in self._family.values() if family}
        for font in _others(known) if found.keys() < letters else ():
            has = _outlined(font.fname, letters - found.keys())
            if has:  # and is what Matplotlib takes for that family
                found |= dict.fromkeys(_outlined(_file(font.name, REGULAR), has), font.name)
                if found.keys() == letters:
                    break
        lost = sorted(letters - found.keys())
        if lost and None not in self._family.values():  # said once
            log.warning(
                'figures: no font of this machine has "%s", drawn as %s: install one that has, such as Noto',
                cut("".join(lost), 20),
                MISSING,
            )
        self._family |= found | dict.fromkeys(lost)


def _file(family: str | None, weight: int) -> str:
    """The one that Matplotlib takes for that family; None: for that of its settings."""
    from matplotlib.font_manager import FontProperties, findfont

    return str(findfont(FontProperties(family=family, weight=weight)))


def _outlined(file: str, letters: Iterable[str]) -> set[str]:
    """Those of which it has an outline: fonts of coloured images have none, and Matplotlib cannot draw them."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(file)
        has = {letter for letter in letters if font.scalable and font.get_char_index(ord(letter))}
        return {letter for letter in has if font.load_char(ord(letter)) and len(font.get_path()[0])}
    except (OSError, RuntimeError):  # it is there no longer, or is broken
        return set()


def _others(known: Set[str]) -> Iterator[FontEntry]:
    """Fonts of upright letters, one of each file: of families that have served, then without serifs, then all others;
    last those that were installed after Matplotlib had listed what there is."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    listed = {font.fname: font for font in reversed(fontManager.ttflist) if _upright(font)}
    yield from sorted(listed.values(), key=lambda font: (font.name not in known, *_sober(font.name)))
    files = {font.fname for font in fontManager.ttflist}
    for file in sorted({*findSystemFonts()} - files, key=lambda file: _sober(Path(file).name)):
        before = len(fontManager.ttflist)
        with contextlib.suppress(Exception):  # whatever a font is that Matplotlib cannot read
            fontManager.addfont(file)
        yield from filter(_upright, fontManager.ttflist[before : before + 1])


def _upright(font: FontEntry) -> bool:
    last_resort = font.name.startswith("Last Resort")  # Matplotlib's, of boxes for every letter that there is
    slanted = font.style in ("italic", "oblique")
    odd = str(font.stretch).endswith(("condensed", "expanded"))
    return font.weight == REGULAR and not (slanted or odd or last_resort)


def _sober(name: str) -> tuple[bool, bool, bool]:
    return (name != OWN_FONT, "Sans" not in name, "Mono" in name)
