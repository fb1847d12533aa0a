"""``chainrule compare``: runs grouped by what differs, with means over seeds, and what may be concluded from them.

Public, for studies of one's own: ``compare`` reads runs from MLflow and groups them; ``summary``, ``paired``,
``corrected`` and ``outliers`` say what a few seeds can tell; ``band`` and ``strip`` draw groups onto Matplotlib's axes.

What may not live here: running anything.
"""

from chainrule.comparison.comparing import compare, learning_curves, named
from chainrule.comparison.groups import Comparison, Group, LeftOut, grouped
from chainrule.comparison.inference import (
    LEVEL,
    Paired,
    Summary,
    corrected,
    holm,
    outliers,
    paired,
    seeds_needed,
    summary,
)
from chainrule.comparison.pictures import aligned, band, strip
from chainrule.comparison.reporting import FORMATS, report
from chainrule.comparison.runs import Found, StoredRun, find
from chainrule.pictures.page import GREY, PALETTE
from chainrule.words import p_value

__all__ = [
    "FORMATS",
    "GREY",
    "LEVEL",
    "PALETTE",
    "Comparison",
    "Found",
    "Group",
    "LeftOut",
    "Paired",
    "StoredRun",
    "Summary",
    "aligned",
    "band",
    "compare",
    "corrected",
    "find",
    "grouped",
    "holm",
    "learning_curves",
    "named",
    "outliers",
    "p_value",
    "paired",
    "report",
    "seeds_needed",
    "strip",
    "summary",
]
