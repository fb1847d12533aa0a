"""TAB: what may stand next on the command line."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Mapping, Sequence

from chainrule.contract.kinds import KINDS

WITH_SPACE = """
chainrule_bash_completion() {
    hydra_bash_completion
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} != *[=./] ]]; then COMPREPLY[0]+=" "; fi
}
complete -o default -o nospace -F chainrule_bash_completion chainrule"""
"""A word that is whole is followed by a space; Hydra's function leaves it out, since most words go on."""


def complete(arguments: list[str], commands: Mapping[str, Sequence[str]]) -> int:
    """Print it. Hydra's script calls ``chainrule -sc query=bash`` with the line so far in ``COMP_LINE``.

    Args:
        commands: each with its options.

    While somebody types nothing is right yet: what is wrong is passed over in silence.
    """
    if not any(argument.startswith("query=") for argument in arguments):
        _hydra_completion(arguments)  # install, uninstall
        if "install=bash" in arguments:
            print(WITH_SPACE)
        return 0
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    command = words[1] if len(words) > 2 or (len(words) == 2 and line.endswith(" ")) else None
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(Exception, SystemExit):
        if command is None:
            print("\n".join(commands))
        elif words[-1].startswith("-") and not line.endswith(" ") and commands.get(command):
            print("\n".join(commands[command]))
        elif command in ("plugins", "check"):
            from chainrule.commands.plugins import names

            print("\n".join(sorted(names())))
        elif command == "new":
            print("\n".join(KINDS if "--kind" in words else ["--kind"]))
        elif command == "compare":
            print("\n".join(_comparable()))
        elif command == "train":
            folder = re.search(r"\s--config-dir[ =](\S+)\s", line)
            # Of several values the last one is being typed.
            several = re.search(r"([^\s=]+=)([^\s=]*,)([^\s,]*)$", line)
            typed = f"{line[: several.start()]}{several[1]}{several[3]}" if several else line
            os.environ["COMP_LINE"] = typed.replace(" train", "", 1)
            with contextlib.redirect_stdout(io.StringIO()) as offered:
                _hydra_completion([*arguments, *(["--config-dir", folder[1]] if folder else [])])
            chosen = several[2].split(",") if several else ()
            for offer in offered.getvalue().split():
                if several and offer.removeprefix(several[1]) in chosen:
                    continue
                print(f"{several[1]}{several[2]}{offer.removeprefix(several[1])}" if several else offer)
    return 0


def _comparable() -> list[str]:
    from chainrule.tracking.sqlite import names_in
    from chainrule.tracking.uris import resolved, sqlite_path

    path = sqlite_path(resolved(None))
    if path is not None:
        return names_in(path)
    from chainrule.comparison import named

    return named()


def _hydra_completion(arguments: list[str]) -> int:
    from chainrule.config.command_line import hydra_command
    from chainrule.runs.sweep import Supervisor

    hydra_command(arguments, lambda job: None, Supervisor())
    return 0
