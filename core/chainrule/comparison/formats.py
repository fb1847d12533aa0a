"""A comparison as a table on a terminal and in a notebook, as Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from itertools import zip_longest
from typing import Any

from chainrule.comparison.groups import Comparison, Group
from chainrule.comparison.wording import findings, group_name, heading, headings, settings
from chainrule.markup import html_points, html_table, markdown_table
from chainrule.words import number

ESCAPED = str.maketrans(
    {sign: rf"\{sign}" for sign in "{}$&#_%"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
    | {"[": "{[}", "]": "{]}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "\n": " "}
)
"""What LaTeX gives a meaning to, or sets as another sign. A bracket at the beginning of a cell would be an option of
the line's end above it."""
FIGURES = ("n", "mean", "sd", "low", "high")


def show(comparison: Comparison) -> None:
    """Print the table, and what there is to say of it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table()
    names = headings(comparison.by)
    titles, rows = _table(comparison)
    for title in titles:
        table.add_column(
            Text(title.replace("/", "/\n")), justify="left" if title in names else "right", overflow="fold"
        )
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(heading(comparison), style="bold", markup=False)
    console.print(table)
    said = Table.grid(padding=(0, 1))
    for line in findings(comparison):
        said.add_row("-", Text(line))
    console.print(said)


def html(comparison: Comparison) -> str:
    """The same, for a notebook."""
    shown = html_table(heading(comparison), *_table(comparison), named_by=len(comparison.by))
    return shown + html_points(findings(comparison))


Comparison._repr_html_ = html


def markdown(comparison: Comparison) -> str:
    """A heading, the table, and a list of what there is to say of it."""
    table = markdown_table(*_table(comparison), len(comparison.by))
    lines = [f"**{heading(comparison)}**", "", table, "", *(f"- {line}" for line in findings(comparison))]
    return "\n".join(lines) + "\n"


def latex(comparison: Comparison) -> str:
    """The table as a paper has it, with the rules of the package booktabs."""
    titles, rows = _table(comparison)
    head, *body = [f"{' & '.join(cell.translate(ESCAPED) for cell in row)} \\\\" for row in [titles, *rows]]
    lines = [
        f"% {heading(comparison)}",
        r"% \usepackage{booktabs}",
        rf"\begin{{tabular}}{{{'l' * len(comparison.by)}{'r' * (len(titles) - len(comparison.by))}}}",
        *(r"\toprule", head, r"\midrule", *body, r"\bottomrule"),
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def as_csv(comparison: Comparison) -> str:
    """A row for each group: its params, n, mean, standard deviation, interval, the test of the best against it; then
    mean and standard deviation of each further metric.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    tested = ("difference", "difference_low", "difference_high", "d_z", "common_seeds", "p", "p_holm")
    further = [f"{name}{kind}" for name in comparison.further for kind in ("", "_sd")]
    writer.writerow([*comparison.by, "metric", *FIGURES, "left_out", *tested, *further])
    for group, test in zip_longest(comparison.groups, [None, *comparison.pairs]):
        figures = [getattr(group.summary, name, None) for name in FIGURES]
        figures[0] = len(group.runs)
        row: list[Any] = [*group.settings.values(), comparison.metric, *figures, len(group.left_out)]
        row += [test.difference, test.low, test.high, test.d_z, test.n, test.p, test.p_holm] if test else [None] * 7
        for name in comparison.further:
            known = group.further.get(name)
            row += [known.mean, known.sd] if known else [None, None]
        writer.writerow(row)
    return text.getvalue()


def as_json(comparison: Comparison) -> str:
    """All that is known: the groups with each seed's value and run, the pairs, what was left out, and the words."""
    groups = [
        {
            "settings": group.settings,
            **{name: getattr(group.summary, name, None) for name in FIGURES},
            "n": len(group.runs),
            "further": {name: dataclasses.asdict(known) for name, known in group.further.items()},
            "seeds": {run.seed: {"run": run.run_id, "value": value} for run, value in zip(group.runs, group.values)},
            "outliers": [group.runs[index].seed for index in group.outliers],
            "left_out": [
                {"run": left.run.run_id, "seed": left.run.seed, "kind": left.kind, "why": left.why}
                for left in group.left_out
            ],
        }
        for group in comparison.groups
    ]
    pairs = [
        {
            "best": group_name(comparison, comparison.groups[0]),
            "other": group_name(comparison, group),
            **(dataclasses.asdict(test) if test else {"n": 0, "p_holm": None}),
        }
        for group, test in zip(comparison.groups[1:], comparison.pairs)
    ]
    whole = {
        **{
            name: getattr(comparison, name) for name in ("title", "metric", "objective", "goal", "by", "beside", "idle")
        },
        "groups": groups,
        "pairs": pairs,
        "other_runs": comparison.others,
        "jobs_without_run": {"count": comparison.no_run[0], "jobs": comparison.no_run[1]},
        "findings": findings(comparison),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings, and a row for each group.

    A single seed has no spread; where nothing was left out, nobody needs to see a column of zeros.
    """
    repeated = any(len(group.runs) > 1 for group in comparison.groups)
    left_out = any(group.left_out for group in comparison.groups)
    spread, without = ["sd", "95 % interval"] if repeated else [], ["left out"] if left_out else []
    titles = ["n", comparison.metric, *spread, *without, *comparison.further]
    rows = [[*settings(comparison, group), *_cells(comparison, group, titles)] for group in comparison.groups]
    return [*headings(comparison.by), *titles], rows


def _cells(comparison: Comparison, group: Group, titles: list[str]) -> list[str]:
    known = group.summary
    interval = f"{number(known.low)} to {number(known.high)}" if known and known.n > 1 else ""
    cells = {
        "n": str(len(group.runs)),
        comparison.metric: number(known.mean) if known else "",
        "sd": number(known.sd) if known else "",
        "95 % interval": interval,
        "left out": str(len(group.left_out) or ""),
        **{name: number(group.further[name].mean) if name in group.further else "" for name in comparison.further},
    }
    return [cells[title] for title in titles]
