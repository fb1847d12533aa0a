"""``chainrule`` without something that it has for speed alone, to see what that gives.

    python experiments/peers/without.py pauses train experiment=xor
    python experiments/peers/without.py merged_files train -m experiment=xor seed=0,1

``pauses``: Python searches for garbage whenever it likes (see ``chainrule.process.garbage``). ``merged_files``: each
job of a sweep merges its config files anew (see ``SafeLoader``). ``nothing``: all is as it is.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

from chainrule.commands.main import main


def pauses() -> None:
    instead = {
        "made_to_stay": contextlib.nullcontext,
        "searched_later": contextlib.nullcontext,
        "own_process": lambda: None,
        "not_searched_at_exit": lambda: None,
    }
    for name, module in [*sys.modules.items()]:
        if name.startswith("chainrule."):
            for function in instead.keys() & vars(module).keys():
                setattr(module, function, instead[function])


def merged_files() -> None:
    from chainrule.config.loader import SafeLoader

    begin = SafeLoader.begin

    def begin_without(loader: SafeLoader, *given: Any) -> None:
        begin(loader, *given)
        loader._merged = None

    SafeLoader.begin = begin_without


LEFT_OUT: dict[str, Callable[[], None]] = {"pauses": pauses, "merged_files": merged_files, "nothing": lambda: None}

if __name__ == "__main__":
    LEFT_OUT[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
