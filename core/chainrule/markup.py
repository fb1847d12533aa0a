"""What notebooks show: tables, facts and lists as plain HTML, whatever signs the texts in it hold; tables as Markdown.

A table has a caption, and each heading its scope, so that a screen reader can say of a number what it is. Colours and
fonts are the page's own, be it light or dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

LEFT, RIGHT = (f' style="text-align:{side};padding:0.1em 0.6em"' for side in ("left", "right"))
FACTS = ' style="display:grid;grid-template-columns:max-content auto;gap:0.2em 1em"'


def html_table(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    named_by: int = 1,
    total: Sequence[str] = (),
) -> str:
    """Rows below headings.

    Args:
        caption: what the table is of.
        named_by: so many cells at the beginning of a row say what it is of.
        total: a last row, apart from the others.

    >>> html_table("a & b", ["layer", "size"], [["<dense>", "3"]]).endswith(f"<td{RIGHT}>3</td></tr></tbody></table>")
    True
    """
    head = "".join(
        f'<th scope="col"{LEFT if at < named_by else RIGHT}>{escape(heading)}</th>' if heading else "<td></td>"
        for at, heading in enumerate(headings)
    )
    body = "".join(_row(cells, named_by) for cells in rows)
    foot = f"<tfoot>{_row(total, named_by)}</tfoot>" if total else ""
    caption = f"<caption{LEFT}>{escape(caption)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}</table>"


def html_facts(known: Iterable[tuple[str, str]]) -> str:
    """Each word with what there is to say of it; an address can be followed.

    >>> html_facts([("time", "< 1 s")]).endswith("<dt>time</dt><dd>&lt; 1 s</dd></dl>")
    True
    """
    return f"<dl{FACTS}>{''.join(f'<dt>{escape(word)}</dt><dd>{_linked(text)}</dd>' for word, text in known)}</dl>"


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], named_by: int = 1) -> str:
    """Rows below headings, as Markdown; all but the first ``named_by`` columns are numbers, and stand on the right.

    >>> print(markdown_table(["layer", "size"], [["a|b", "3"]]))
    | layer | size |
    | --- | ---: |
    | a\\|b | 3 |
    """
    marks = ["---" if at < named_by else "---:" for at in range(len(headings))]
    lines = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (headings, marks, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def html_points(lines: Iterable[str]) -> str:
    """A sentence each.

    >>> html_points(["one & all"])
    '<ul><li>one &amp; all</li></ul>'
    """
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _row(cells: Sequence[str], named_by: int) -> str:
    names = "".join(f'<th scope="row"{LEFT}>{escape(cell)}</th>' for cell in cells[:named_by])
    return f"<tr>{names}{''.join(f'<td{RIGHT}>{escape(cell)}</td>' for cell in cells[named_by:])}</tr>"


def _linked(text: str) -> str:
    shown = escape(text)
    return f'<a href="{shown}">{shown}</a>' if text.startswith(("http://", "https://")) else shown
