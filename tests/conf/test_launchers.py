"""Each shipped launcher and search composes with each experiment; see core/test_launchers.py for what they do."""

import hydra
import pytest
import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from chainrule.config import config_folder, store_nodes

CONF = config_folder()
NAMES = {group: sorted(path.stem for path in CONF.glob(f"{group}/*.yaml")) for group in ("experiment", "launcher")}
SEARCHES = sorted(path.stem for path in CONF.glob("hparams_search/*.yaml"))
