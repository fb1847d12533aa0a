"""Where a sweep was begun, for its jobs: a node of a cluster begins them in another folder, with other settings."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from chainrule.errors import ConfigError

STORE = "MLFLOW_TRACKING_URI"
OWN = "CHAINRULE_"


@dataclass(frozen=True)
class Surroundings:
    """A working directory, and the environment variables by which it is told where data are and what is recorded."""

    folder: str
    settings: dict[str, str]

    @classmethod
    def here(cls) -> Surroundings:
        """Those of this process. Passwords are not among them: a node has its own."""
        settings = {name: value for name, value in os.environ.items() if name == STORE or name.startswith(OWN)}
        return cls(str(Path.cwd()), settings)

    def enter(self) -> None:
        """Make them those of this process.

        Raises:
            ConfigError: the folder is not there.
        """
        here = Surroundings.here()
        if here == self:
            return
        for name in here.settings.keys() - self.settings.keys():
            del os.environ[name]
        os.environ.update(self.settings)
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise ConfigError(
                f"{socket.gethostname()} has no folder {self.folder}, in which the sweep was begun: its jobs need a "
                "file system that all nodes see",
                key="hydra.launcher",
            ) from error
