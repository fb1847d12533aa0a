"""Views of MLflow's table of runs: which columns, in which order, which charts.

MLflow keeps a view that somebody shares in a tag of the experiment, from which a link opens it. What its pages open on
otherwise shows neither a metric nor a param, and charts by the names' alphabet.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SHARED = "mlflow.sharedViewState."
PLACE = "#/experiments/{}/runs?workflowType=machine_learning"
MODEL_TRAINING = {"startTime": "ALL", "lifecycleFilter": "Active", "modelVersionFilter": "All Runs"}
SECTION = "compared"


@dataclass(frozen=True)
class View:
    """What is to be seen: ``metrics`` and ``params`` are columns, from left to right.

    ``runs``: only those; None for all. ``by``: the metric that orders them, and whether the lowest comes first; None
    for the latest first. ``curve``: a metric by step, with which the page opens on charts, not on the table alone.
    """

    metrics: Sequence[str]
    params: Sequence[str]
    runs: Sequence[str] | None = None
    by: tuple[str, bool] | None = None
    curve: str | None = None

    def state(self) -> dict[str, Any]:
        """As MLflow has it."""
        columns = [_column("metrics", name) for name in self.metrics] + [
            _column("params", name) for name in self.params
        ]
        chosen = f"attributes.run_id IN ({', '.join(map(repr, self.runs))})" if self.runs is not None else ""
        return {
            **MODEL_TRAINING,
            "searchFilter": chosen,
            "orderByKey": _column("metrics", self.by[0]) if self.by else "attributes.start_time",
            "orderByAsc": self.by is not None and self.by[1],
            "datasetsFilter": [],
            "selectedColumns": columns,
            "columnOrder": columns,
            "runsHiddenMode": "SHOW_ALL" if self.runs is not None else "FIRST_20_RUNS",
            **(self._charts(self.curve) if self.curve else {}),
        }

    def _charts(self, curve: str) -> dict[str, Any]:
        """The curve, how params and metric go together, and a bar for each run; MLflow adds all others below."""
        params = [name for name in self.params if name != "seed"]
        together = {"selectedParams": params, "selectedMetrics": list(self.metrics[:1]), "showAllRuns": True}
        charts = [
            _chart("LINE", "curve", metricKey=curve, selectedMetricKeys=[curve]),
            _chart("PARALLEL", "together", **together),
            *(_chart("BAR", name, metricKey=name) for name in self.metrics),
        ]
        section = {"uuid": SECTION, "name": "What differs", "display": True, "isReordered": True, "columns": 2}
        return {
            "compareRunCharts": charts,
            "compareRunSections": [{**section, "deleted": False, "isGenerated": False}],
            "isAccordionReordered": True,
        }


def runs_page(experiment_id: str) -> str:
    """The place of the table of an experiment's runs, below MLflow's address: that for training, not for chatbots."""
    return PLACE.format(experiment_id)


def shared(client: Any, experiment_id: str, view: View, name: str | None = None) -> str:
    """Keep a view with its experiment; the place that opens it.

    Args:
        name: of a view that takes the place of an earlier one; None for one that stays.
    """
    text = json.dumps(view.state(), separators=(",", ":"))
    key = name or hashlib.sha256(text.encode()).hexdigest()[:16]
    packed = base64.b64encode(zlib.compress(text.encode())).decode()
    client.set_experiment_tag(experiment_id, f"{SHARED}{key}", f"deflate;{packed}")
    charts = "&compareRunsMode=CHART" if view.curve else ""
    return f"{runs_page(experiment_id)}&viewStateShareKey={key}{charts}"


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _chart(kind: str, uuid: str, **shows: Any) -> dict[str, Any]:
    same = {"metricSectionId": SECTION, "deleted": False, "isGenerated": False, "runsCountToCompare": 20}
    line = {
        "xAxisKey": "step",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
        "lineSmoothness": 0,
        "useGlobalLineSmoothing": True,
        "useGlobalXaxisKey": True,
    }
    return {"type": kind, "uuid": uuid, **same, **(line if kind == "LINE" else {}), **shows}
