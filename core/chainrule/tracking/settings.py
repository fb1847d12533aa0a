"""MLflow as this program wants it, set before it is imported."""

from __future__ import annotations

import logging
import os
import sys
import warnings

from chainrule.process.garbage import not_searched_at_exit

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # a new store logs its making; errors come as exceptions, with messages of ours
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server that stops answering blocks a call for minutes by default. So: two tries, 10 seconds each.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}
"""Environment variables that are set before MLflow is imported, unless the user set them."""


def configure() -> None:
    """Set them, and what else MLflow brings that would be seen."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it warns of each try that failed
    if "mlflow" not in sys.modules:
        # MLflow imports tqdm.auto, which warns in a notebook of widgets that it lacks; nobody here uses them.
        warnings.filterwarnings("ignore", "IProgress not found")
        not_searched_at_exit()  # MLflow's many objects
