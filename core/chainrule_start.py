"""Where the program begins: from here on Ctrl-C ends it in one line, though most of it is yet to be imported.

It stands outside of the package, whose import alone takes tenths of a second.
"""

import os
import signal
from typing import Any

INTERRUPTED = 130


def main() -> int:
    """Import the command line, and run it; the exit status."""
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not so below nohup, or in the background
    if heard:
        signal.signal(signal.SIGINT, _end)
    from chainrule.commands.main import main as run

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run()


def _end(number: int, frame: Any) -> None:
    """At once: an exception would be swallowed, or told with a traceback, by what is being imported."""
    os.write(2, b"chainrule: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    raise SystemExit(main())
