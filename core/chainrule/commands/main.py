"""The command line: which command is meant, and what is said of an error that ends it.

Each command has a file: ``add`` gives it its options, ``run`` does it, and imports there what is heavy.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from chainrule.commands import (
    card,
    check,
    compare,
    evaluate,
    explain,
    export,
    new,
    plugins,
    predict,
    reproduce,
    resend,
    resume,
    runs,
    serve,
    train,
    ui,
)
from chainrule.commands.completion import complete
from chainrule.errors import ChainruleError, UnknownName, debugging, did_you_mean
from chainrule.process.garbage import own_process
from chainrule.process.signals import Terminated
from chainrule.redaction import redacted
from chainrule.registry.provenance import own_version
from chainrule.words import error_in_words

COMMANDS = {
    command.NAME: command
    for command in (
        train,
        resume,
        runs,
        explain,
        predict,
        evaluate,
        export,
        serve,
        card,
        plugins,
        check,
        new,
        compare,
        reproduce,
        ui,
        resend,
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a run that failed, 2 for what the user can mend."""
    if arguments is None:
        own_process()
        arguments = sys.argv[1:]
    warnings.showwarning = _show_warning
    try:
        try:
            return _run(list(arguments))
        finally:  # at exit Python would complain of a reader that went away
            sys.stdout.flush()
    except ChainruleError as error:
        return _failed(error, error.exit_status)
    except Terminated as error:
        return _failed(error, 143)
    except KeyboardInterrupt as error:
        return _failed(error, 130)
    except BrokenPipeError:
        # The reader (head, less) went away. Keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _failed(error, 1)


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["-sc"]:
        return complete(arguments, _options())
    if arguments[:1] == [train.NAME]:
        return train.run(arguments[1:])
    if arguments and arguments[0] not in COMMANDS and not arguments[0].startswith("-"):
        raise _unknown_command(arguments[0])
    options = _parser().parse_args(arguments or ["--help"])
    command: Callable[[argparse.Namespace], int] = options.run
    return command(options)


def _options() -> dict[str, list[str]]:
    """Of each command, for TAB."""
    parsers = next(action.choices for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    return {
        name: [option for action in parser._actions for option in action.option_strings if option.startswith("--")]
        for name, parser in parsers.items()
    }


def _unknown_command(word: str) -> UnknownName:
    close = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.7)  # "xor" is not meant to be "export"
    training = "" if close else f" To train: chainrule train {word if '=' in word else f'experiment={word}'}"
    return UnknownName(f'there is no command "{word}". {did_you_mean(word, COMMANDS, len(COMMANDS))}{training}')


class ShowVersion(argparse.Action):
    """Reads the distribution's metadata only where it is asked for."""

    def __call__(self, *given: Any, **more: Any) -> None:
        print(f"chainrule {own_version()}")
        raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chainrule",
        description="Neural networks written from scratch in NumPy: train them, sweep, compare in MLflow.",
        epilog='TAB completion: eval "$(chainrule -sc install=bash)". Tracebacks: CHAINRULE_DEBUG=1.',
    )
    parser.add_argument("-V", "--version", action=ShowVersion, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS.values():
        command.add(commands)
    return parser


def _failed(error: BaseException, status: int) -> int:
    if debugging():
        traceback.print_exception(error)
    elif isinstance(error, KeyboardInterrupt):
        sys.stderr.write("chainrule: interrupted\n")
    else:
        known = isinstance(error, ChainruleError)
        text = str(error) if known else f"{error_in_words(error)} (CHAINRULE_DEBUG=1 shows where)"
        sys.stderr.write(f"chainrule: {redacted(text)}\n")
    return status


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """One line, in place of Python's two with a place in the source."""
    sys.stderr.write(f"chainrule: warning: {redacted(str(message))}\n")
