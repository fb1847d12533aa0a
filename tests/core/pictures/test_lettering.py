"""Text on pictures: what a user calls a class, a feature or a run is drawn letter by letter, in a font that has it."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from chainrule import Data, Split
from chainrule.pictures import drawing, lettering, page

NASTY = [
    "$", "$$", "$0-$25k", "$x^{$", r"\frac{", r"\$", "%s %d {} {0}", "_hidden", "__", "", " ", "\n", "a\tb\nc",
    "\0", "\x1b[31m", "W" * 500, "\ud800", "\ufeff", "\u202e", "e\u0301\u0301", "\u200d", "\ufe0f", "nan", "\u2028",
    "שלום", "العربية", "猫", "한국어", "नमस्ते", "👩\u200d👩\u200d👧", "🇩🇪", "❤\ufe0f", "\U0010ffff", "\u0378",
]  # fmt: skip
LETTER = "\U000f1234"  # of private use: only the fonts below have it
OTHER = "\U000f1235"


def drawn(figure):
    """Its pixels, ``(height, width)``, from 0, which is black, to 1."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].min(axis=-1) / 255


def with_texts(text):
    """A page that has it in each of the places where a text may stand."""
    figure = page.new_page(5, 4, text, lettering.fitted(text, 4, 8.5))
    axes = page.place_axes(figure, 1.5, 1.5, 2, 1.5)
    (line,) = axes.plot([0, 1], [0, 1e9])
    axes.set(xlabel=text, title=text)
    axes.set_xticks([0, 1], lettering.told_apart([text, text], 0.8, 8.5))
    axes.annotate(text, (0, 0))
    page.legend_beside(axes, [line, line], [text, f"class {text}"])
    return figure


@settings(max_examples=10, deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_drawn_without_a_word(text):
    drawn(with_texts(text))


@pytest.mark.parametrize("text", NASTY)
def test_a_text_that_is_a_trap_is_drawn_without_a_word(text):
    """Neither Matplotlib's formulas nor TeX read it, also where the user's settings for all figures say so."""
    with matplotlib.rc_context({"text.usetex": True, "axes.formatter.use_mathtext": True}):
        figure = with_texts(text)
        drawn(figure)
    shown = [each.get_text() for each in figure.findobj(Text)]
    assert not any("mathdefault" in each for each in shown)
    assert len(figure.axes[0].get_legend().get_texts()) == 2
    tick, other = (label.get_text() for label in figure.axes[0].get_xticklabels())
    assert tick != other


@pytest.mark.parametrize("classes", [NASTY[:8], NASTY[-8:], ["$", "$"]])
def test_every_picture_takes_any_name(tmp_path, caplog, classes):
    n = len(classes)
    x = np.random.default_rng(0).random((3 * n, 2))
    y = np.arange(3 * n) % n
    arrays = {"test/confusion_matrix": np.ones((n, n), int), "test/recall": np.ones(n), "test/$x$": np.ones((2, 3))}

    def predict(x):
        return np.tile(np.linspace(0, 1, n), (len(x), 1))

    history = {"train/loss": [1.0], "train/$m$": [1.0]}
    plane = Data(Split(x, y), "multiclass", class_names=classes, feature_names=classes[:2])
    images = Data(Split(x.reshape(-1, 2, 1), y), "multiclass", class_names=classes)
    line = Data(Split(x[:, :1], y * 1.0), "regression", feature_names=classes[:1])
    for k, (data, given_arrays) in enumerate([(plane, arrays), (images, {}), (line, {})]):
        named = drawing.figures(history, data, predict, classes[0], given_arrays)
        paths = drawing.draw_all(tmp_path / str(k), history, data, predict, classes[0], given_arrays)
        assert len(paths) == len(named)
    assert not [message for message in caplog.messages if "not drawn" in message]


@pytest.mark.parametrize("text", ["W" * 80, "i" * 80, "猫" * 80, "two words " * 9])
def test_a_text_is_cut_where_the_room_ends(text):
    shown = lettering.fitted(text, 1.5, 8.5)
    assert shown.endswith("…")
    assert 1.2 < lettering.width(shown, 8.5) <= 1.5
    assert lettering.fitted("short", 1.5, 8.5) == "short"


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["cat", "dog"], ["cat", "dog"]),
        (["cat", "cat"], ["cat (0)", "cat (1)"]),
        (["", "\n"], ["(empty) (0)", "(empty) (1)"]),
        ([3, None], ["3", "None"]),
        (["customer_segment_of_europe", "customer_segment_of_asia"], ["custome…europe", "customer…of_asia"]),
    ],
)
def test_names_that_would_look_the_same_are_told_apart(names, shown):
    assert lettering.told_apart(names, 1.1, 8.5) == shown


# ---- fonts


def font_file(path, letter, outline=True, family="Chainrule Test"):
    """A font of one letter, which is a square, or has no outline, as in fonts of coloured images."""
    square = TTGlyphPen(None)
    if outline:
        square.moveTo((0, 0)), square.lineTo((0, 700)), square.lineTo((700, 700)), square.lineTo((700, 0))
        square.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "letter"])
    font.setupCharacterMap({ord(letter): "letter"})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "letter": square.glyph()})
    font.setupHorizontalMetrics({".notdef": (800, 0), "letter": (800, 0)})
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": family, "styleName": "Regular"})
    font.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    font.setupPost()
    font.save(path)
    return path


@pytest.fixture
def fonts(monkeypatch):
    """What is known of fonts is forgotten, before and after; and a way to add some."""
    monkeypatch.setattr(fontManager, "ttflist", [*fontManager.ttflist])
    lettering.fonts.cache_clear()
    yield fontManager
    lettering.fonts.cache_clear()
    fontManager.addfont(matplotlib.get_data_path() + "/fonts/ttf/DejaVuSans.ttf")  # which forgets what was found


def test_a_letter_is_drawn_with_a_font_of_the_machine_that_has_it(tmp_path, caplog, fonts):
    """The first font maps the letter, but to nothing."""
    fonts.addfont(font_file(tmp_path / "a.ttf", LETTER, outline=False, family="Sans A"))
    fonts.addfont(font_file(tmp_path / "b.ttf", LETTER))
    pixels = drawn(page.new_page(2, 1, LETTER, f"weight {LETTER}"))
    places = np.lib.stride_tricks.sliding_window_view(pixels < 0.3, (9, 9))
    assert places.all(axis=(-1, -2)).any(), "the title is the square itself"
    assert not caplog.messages


def test_a_letter_that_no_font_has_is_a_box_and_said_once(caplog, fonts):
    for _ in range(2):
        figure = page.new_page(2, 1, f"a{LETTER}", f"b{OTHER}")
        drawn(figure)
        assert [text.get_text() for text in figure.texts] == ["a□", "b□"]
    [said] = caplog.messages
    assert said == (f'figures: no font of this machine has "{LETTER}", drawn as □: install one that has, such as Noto')


def test_a_font_that_was_installed_after_matplotlib_listed_its_fonts_is_found(tmp_path):
    """In a home of its own, where Matplotlib has just written its list."""
    font = font_file(tmp_path / "new.ttf", LETTER)
    code = f"""if True:
        import pathlib, shutil, matplotlib.font_manager
        folder = pathlib.Path({str(tmp_path)!r}, "data", "fonts")
        folder.mkdir(parents=True)
        shutil.copy({str(font)!r}, folder)
        from chainrule.pictures.lettering import fonts
        print(fonts().families({LETTER!r}), fonts().missing({LETTER!r}))
        """
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=home, capture_output=True, text=True, check=True)
    assert done.stdout == "['Chainrule Test'] set()\n"


def test_latin_text_searches_no_fonts(monkeypatch, fonts):
    monkeypatch.setattr(lettering, "_others", lambda known: pytest.fail("fonts were searched"))
    drawn(page.new_page(4, 1, "Größe ± Ωmega, Жизнь", "100 % → ✓"))
