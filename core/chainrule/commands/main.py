"""The commands. Each is a function; what is heavy is imported only by the command that needs it."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from chainrule import __version__
from chainrule.commands.plugins import plugins
from chainrule.contract.kinds import KINDS
from chainrule.errors import ChainruleError, debugging
from chainrule.process.garbage import own_process
from chainrule.process.signals import Terminated, ended_by_signals

COMMANDS = ("train", "plugins", "check", "new", "compare", "reproduce", "ui", "resend")


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
        return complete(arguments)
    if arguments[:1] == ["train"]:
        return train(arguments[1:])
    options = _parser().parse_args(arguments or ["--help"])
    command: Callable[[argparse.Namespace], int] = options.run
    return command(options)


def train(arguments: list[str]) -> int:
    """``chainrule train``: all of Hydra's command line."""
    from chainrule.config.hydra import hydra_command
    from chainrule.config.jobs import Failure
    from chainrule.runs.report import run_and_report
    from chainrule.runs.sweep import Supervisor

    supervisor = Supervisor()
    with ended_by_signals():
        result = hydra_command(arguments, run_and_report, supervisor)
    if isinstance(result, Failure):
        raise result.error
    return 1 if supervisor.failed else 0


def check(options: argparse.Namespace) -> int:
    """``chainrule check``: the conformance kit over what is installed."""
    from chainrule.commands.check import check as check_installed

    return 0 if check_installed(options.which) else 1


def new(options: argparse.Namespace) -> int:
    """``chainrule new``: a package of one's own."""
    from chainrule.commands.new import new_package, next_steps

    package = new_package(options.name, options.kind, Path.cwd())
    print(f'{package.name}: a package with the {package.kind} "{package.module}". What comes next:\n')
    print("\n".join(f"  {command}" for command in next_steps(package)))
    return 0


def compare(options: argparse.Namespace) -> int:
    """``chainrule compare``: runs grouped by what differs, with means over seeds."""
    from chainrule import comparison

    compared = comparison.compare(options.which, options.where, options.metric, options.uri)
    comparison.report(compared, options.uri, options.form, options.record)
    return 0


def reproduced(options: argparse.Namespace) -> int:
    """``chainrule reproduce``: train a recorded run again, and say whether it is equal to the last bit."""
    from chainrule.runs.report import show_reproduction
    from chainrule.runs.reproduce import reproduce

    with ended_by_signals():
        result = reproduce(options.run_id, options.uri, options.threads)
    show_reproduction(result)
    return 0 if result.equal else 1


def ui(options: argparse.Namespace) -> int:
    """``chainrule ui``: MLflow's own pages on the store in use."""
    from chainrule.tracking.pages import serve_ui

    return serve_ui(options.run_id, options.host, options.port, options.uri)


def resend(options: argparse.Namespace) -> int:
    """``chainrule resend``: send what a run could not, while its store did not answer."""
    from chainrule.tracking.delivery import resend as send

    print(f"{send(options.file)} records sent")
    return 0


def complete(arguments: list[str]) -> int:
    """TAB. Hydra's script calls ``chainrule -sc query=bash`` with the line so far in ``COMP_LINE``.

    While somebody types nothing is right yet: what is wrong is passed over in silence.
    """
    if not any(argument.startswith("query=") for argument in arguments):
        return _hydra_completion(arguments)  # install, uninstall
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    command = words[1] if len(words) > 2 or (len(words) == 2 and line.endswith(" ")) else None
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(Exception, SystemExit):
        if command is None:
            print("\n".join(COMMANDS))
        elif command in ("plugins", "check"):
            from chainrule.commands.plugins import names

            print("\n".join(sorted(names())))
        elif command == "new":
            print("\n".join(KINDS if "--kind" in words else ["--kind"]))
        elif command == "compare":
            from chainrule.comparison import named

            print("\n".join(named()))
        elif command == "train":
            folder = re.search(r"\s--config-dir[ =](\S+)\s", line)
            os.environ["COMP_LINE"] = line.replace(" train", "", 1)
            _hydra_completion([*arguments, *(["--config-dir", folder[1]] if folder else [])])
    return 0


def _hydra_completion(arguments: list[str]) -> int:
    from chainrule.config.hydra import hydra_command
    from chainrule.runs.sweep import Supervisor

    hydra_command(arguments, lambda job: None, Supervisor())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chainrule",
        description="Neural networks written from scratch in NumPy: train them, sweep, compare in MLflow.",
        epilog='TAB completion: eval "$(chainrule -sc install=bash)". Tracebacks: CHAINRULE_DEBUG=1.',
    )
    parser.add_argument("-V", "--version", action="version", version=f"chainrule {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    commands.add_parser(
        "train",
        help="train a network: chainrule train experiment=mnist optimizer.lr=0.01 (chainrule train --help)",
        add_help=False,
    )

    listed = commands.add_parser("plugins", help="what is installed: components, their fields, where they come from")
    listed.add_argument(
        "which",
        nargs="?",
        metavar="KIND|NAME|PLUGIN",
        help="a kind: its contract, an example, and what is installed; a component in full; what a package brought",
    )
    listed.add_argument("--json", action="store_true", help="the same for programs")
    listed.set_defaults(run=plugins)

    checked = commands.add_parser("check", help="whether components keep their contract: gradients, state, dtypes, ...")
    checked.add_argument("which", nargs="?", metavar="NAME", help="only this kind, component, plugin or package")
    checked.set_defaults(run=check)

    made = commands.add_parser("new", help="write a package of your own with one component, ready to install and test")
    made.add_argument("name", metavar="NAME", help="such as my-swish: the component my_swish, the class MySwish")
    made.add_argument("--kind", choices=KINDS, default="layer", metavar="KIND", help=", ".join(KINDS))
    made.set_defaults(run=new)

    compared = commands.add_parser("compare", help="runs by what differs: mean and interval over seeds, best first")
    compared.add_argument("which", nargs="?", metavar="SWEEP|EXPERIMENT", help="by name (default: the latest sweep)")
    compared.add_argument("--where", metavar="FILTER", help="only such runs: \"params.optimizer.name = 'adam'\"")
    compared.add_argument("--metric", metavar="NAME", help="test/accuracy, say (default: a test metric that all have)")
    forms = compared.add_mutually_exclusive_group()
    for option, form in {"--csv": ".csv", "--json": ".json", "--markdown": ".md"}.items():
        printed = "print this; the rest goes to stderr"
        forms.add_argument(option, dest="form", action="store_const", const=form, help=printed)
    compared.add_argument("--no-record", dest="record", action="store_false", help="leave MLflow as it is")
    compared.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    compared.set_defaults(run=compare)

    again = commands.add_parser("reproduce", help="train a recorded run again: is it equal to the last bit?")
    again.add_argument("run_id", metavar="RUN", help="its id, as MLflow's pages and the report of the run give it")
    again.add_argument("--threads", type=int, metavar="N", help="of the matrix products (default: as recorded)")
    again.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    again.set_defaults(run=reproduced)

    served = commands.add_parser("ui", help="open MLflow's pages on the recorded runs")
    served.add_argument("run_id", nargs="?", metavar="RUN", help="open the page of this run")
    served.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    served.add_argument("--port", type=_port, default=5000, help="port to listen on (default: %(default)s)")
    served.add_argument("--uri", help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)")
    served.set_defaults(run=ui)

    resent = commands.add_parser("resend", help="send what a run kept while MLflow did not answer")
    resent.add_argument("file", type=Path, help="the unsent-....jsonl in the run's folder")
    resent.set_defaults(run=resend)
    return parser


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f'got "{text}", expected a port, 1 to 65535')
    return int(text)


def _failed(error: BaseException, status: int) -> int:
    if debugging():
        traceback.print_exception(error)
    elif isinstance(error, KeyboardInterrupt):
        sys.stderr.write("chainrule: interrupted\n")
    else:
        known = isinstance(error, ChainruleError)
        text = str(error) if known else f"{type(error).__name__}: {error} (CHAINRULE_DEBUG=1 shows where)"
        sys.stderr.write(f"chainrule: {text}\n")
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
    sys.stderr.write(f"chainrule: warning: {message}\n")
