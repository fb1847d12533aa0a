"""Hydra's loader: every config is composed here, refused where it would run code, and kept while a sweep runs."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra.conf import HydraConf
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from chainrule.config.files import CheckedFiles
from chainrule.config.mailbox import Mailbox, one_folder
from chainrule.config.messages import inner_sweep, list_after_override, null_group, without_end
from chainrule.config.nodes import is_field
from chainrule.config.origin import Typed
from chainrule.config.shapes import refuse_shapes
from chainrule.config.unread import refuse_changed_component, refuse_name, refuse_range, refuse_unread
from chainrule.config.unsafe import refuse_code, refuse_packages

PRIMARY = "config"


class KeptFiles(CachingConfigRepository):
    """All config files as they were when it was made: what is edited while a sweep runs changes nothing in it."""

    def __init__(self, delegate: IConfigRepository) -> None:
        super().__init__(delegate)
        self._read("")

    def __deepcopy__(self, memo: Any) -> KeptFiles:  # Hydra copies it for each job, ...
        return copy.copy(self)

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:  # ... to add search paths to, if any
        self.delegate = copy.deepcopy(self.delegate)
        super().initialize_sources(config_search_path)

    def load_config(self, config_path: str) -> ConfigResult | None:
        return copy.deepcopy(super().load_config(config_path))  # Hydra changes what it gets

    def _read(self, group: str) -> None:
        for option in self.get_group_options(group):
            with contextlib.suppress(Exception):  # told where it is used
                super().load_config(f"{group}/{option}".lstrip("/"))
        for inner in self.get_group_options(group, ObjectType.GROUP):
            self._read(f"{group}/{inner}".lstrip("/"))


class SafeLoader(ConfigLoaderImpl):
    """Hydra's loader, which composes every config, of each job of a sweep too.

    This one refuses those that run code or hold what no run reads. In a sweep it composes each job's config once, in
    the parent, and finds it again where the job runs.
    """

    kept = 0
    """How many jobs of a sweep were composed."""
    _mailbox: Mailbox | None = None
    _prepare: Callable[[DictConfig], None] | None = None
    _at_hand: dict[tuple[str, ...], DictConfig] | None = None
    _merged: dict[str, DictConfig] | None = None
    _folders: set[str] | None = None

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self.repository = CheckedFiles(config_search_path)
        self.typed = Typed()
        """What was typed by whoever started the program: neither files nor what a sweeper makes of them."""
        self._searched: dict[tuple[str | None, ...], CachingConfigRepository] = {}

    def begin(self, mailbox: Mailbox, prepare: Callable[[DictConfig], None], here: bool, searches: bool) -> None:
        """Begin a sweep.

        Args:
            prepare: is given the config of each job before the first of them starts.
            here: whether the jobs run in this process; it then has their configs at hand, for which others wait 20 ms.
            searches: whether its jobs are composed one by one, each when the ones before it have run.
        """
        self.repository = KeptFiles(self.repository)  # type: ignore[assignment]
        self._mailbox, self._prepare, self._at_hand = mailbox, prepare, {} if here else None
        self._merged, self._folders = {}, None if searches else set()

    def __getstate__(self) -> dict[str, Any]:
        """What a worker needs: the configs are composed already."""
        repository = CheckedFiles(self.config_search_path)
        gone = dict.fromkeys(("_prepare", "_at_hand", "_merged", "_folders"))
        return {**self.__dict__, **gone, "_searched": {}, "repository": repository}

    def get_group_options(
        self,
        group_name: str,
        results_filter: ObjectType | None = ObjectType.CONFIG,
        config_name: str | None = None,
        overrides: list[str] | None = None,
    ) -> list[str]:
        """For help, TAB and messages: what lies in a folder of a group is an option of it, as ``mnist/classic``.

        To Hydra the folder ``model/mnist`` is a group of its own, and ``model/mnist=classic`` would choose from it. In
        its own groups (``hydra/launcher``) it is so.
        """
        asked = (config_name, *(overrides or []))
        if asked not in self._searched:  # TAB asks for each group
            self._searched[asked] = self._parse_overrides_and_create_caching_repo(config_name, overrides or [])[1]
        repository = self._searched[asked]
        if not group_name or group_name.partition("/")[0] == "hydra":
            return repository.get_group_options(group_name, results_filter)
        return [] if results_filter is ObjectType.GROUP else sorted(options_of(repository, group_name))

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        assert self._mailbox is not None
        if self._at_hand and tuple(sweep_overrides) in self._at_hand:
            return self._at_hand.pop(tuple(sweep_overrides))
        kept = self._mailbox.kept(sweep_overrides)
        if kept is not None:
            config: DictConfig = OmegaConf.create(kept)
            schema = OmegaConf.structured(HydraConf)  # the type that Hydra asks for
            OmegaConf.set_struct(schema, False)
            config.hydra = OmegaConf.merge(schema, config.hydra)
            OmegaConf.set_struct(config, True)
            OmegaConf.copy_cache(from_config=master_config, to_config=config)  # the same time, where it is asked for
            return config
        config = self.composed(master_config, sweep_overrides)
        folder = _folder_of(config, self.kept) if self._folders is not None else None
        if self._folders is not None and folder is not None:
            if folder in self._folders:
                raise one_folder(folder)
            self._folders.add(folder)
        with contextlib.suppress(OmegaConfBaseException):  # else it is known in the job alone
            config.hydra.sweep.dir = str(Path.cwd() / config.hydra.sweep.dir)  # a job may begin in another folder
        self._mailbox.keep(sweep_overrides, OmegaConf.to_container(config, enum_to_str=True))
        self.kept += 1
        if self._at_hand is not None:
            self._at_hand[tuple(sweep_overrides)] = config
        if self._prepare is not None:
            self._prepare(config)
        return config

    def composed(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """The config of a job.

        Raises:
            ConfigError: it holds a sweep of its own, which Hydra would leave out without a word.
        """
        config = super().load_sweep_config(master_config, list(sweep_overrides))
        own, known = (plain_of(c.hydra.sweeper.get("params")) or {} for c in (config, master_config))
        given = {override.partition("=")[0] for override in sweep_overrides}
        left_out = {key: value for key, value in own.items() if key not in known and key not in given}
        if left_out:
            raise inner_sweep(left_out, sweep_overrides)
        return config

    def load_configuration(
        self, config_name: str | None, overrides: list[str], run_mode: RunMode, *more: Any, **options: Any
    ) -> DictConfig:
        def compose(these: list[str]) -> DictConfig:
            try:
                return super(SafeLoader, self).load_configuration(config_name, these, run_mode, *more, **options)
            except AssertionError as error:  # Hydra 1.3 fails in making its own message
                raise list_after_override() from error
            except RecursionError as error:
                raise without_end() from error

        try:
            config = compose(overrides)
        except HydraException:
            if run_mode is not RunMode.MULTIRUN:
                raise
            beside = _beside_what_is_swept(compose, overrides)
            if beside is None:
                raise
            config = beside
        plain = plain_of(config)
        refuse_code(plain)
        self.typed.refuse_untyped(plain, len(overrides))
        if config.hydra.job.config_name == PRIMARY:  # none for Hydra's own help
            refuse_shapes(plain)
            experiment = f"experiment/{config.hydra.runtime.choices.experiment}"
            refuse_unread(plain, experiment, self.repository.load_config(experiment))
            refuse_changed_component(config)
            refuse_name(config, plain.get("name"))
            refuse_range(plain.get("seed"))
        return config

    def _compose_config_from_defaults_list(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        """In a sweep, once for all jobs that differ in single values alone: these are set afterwards."""
        if self._merged is None:
            return super()._compose_config_from_defaults_list(defaults, repo)
        files = repr([defaults, [(source.provider, source.path) for source in repo.get_sources()]])
        if files not in self._merged:
            self._merged[files] = super()._compose_config_from_defaults_list(defaults, repo)
        return copy.deepcopy(self._merged[files])

    def _process_config_searchpath(self, config_name: str | None, parsed_overrides: Any, repo: Any) -> None:
        for override in parsed_overrides:
            if override.value() is None and not override.is_delete() and repo.group_exists(override.key_or_group):
                raise null_group(override.key_or_group)
            if override.get_key_element() == "hydra.searchpath":
                refuse_packages(override.value())
        primary = repo.load_config(config_path=config_name) if config_name else None
        if primary is not None:
            refuse_packages(plain_of(OmegaConf.select(primary.config, "hydra.searchpath")))
        super()._process_config_searchpath(config_name, parsed_overrides, repo)


def _folder_of(config: DictConfig, number: int) -> str | None:
    """Where the job of that number will write; None where that is known in the job alone."""
    job = config.hydra.job
    job.num, job.id = number, str(number)  # as a launcher gives them, each job its own
    try:
        return str(Path(config.hydra.sweep.dir, str(config.hydra.sweep.subdir)))
    except OmegaConfBaseException:
        return None
    finally:
        job.num = job.id = "???"


def _beside_what_is_swept(compose: Callable[[list[str]], DictConfig], overrides: list[str]) -> DictConfig | None:
    """Hydra composes a sweep as a whole without what is swept, where fields of what is swept have no place yet.

    It is composed without these too; each job's config holds them. None if no option of a group is swept.
    """
    parsed = OverridesParser.create().parse_overrides(overrides)
    fields = [override for override in parsed if is_field(override.key_or_group)]
    config = compose([str(override.input_line) for override in parsed if override not in fields])
    swept = {override.key_or_group for override in parsed if override.is_sweep_override()}
    swept |= {str(key).lstrip("+") for key in config.hydra.sweeper.get("params") or {}}
    of_swept = [o for o in fields if "experiment" in swept or o.key_or_group.partition(".")[0] in swept]
    if not of_swept:
        return None
    config = compose([str(override.input_line) for override in parsed if override not in of_swept])
    config.hydra.overrides.task = [o.input_line for o in parsed if not o.is_hydra_override()]
    return config


def options_of(repository: IConfigRepository, group: str) -> Iterator[str]:
    """Those of a group, and of all folders in it."""
    yield from repository.get_group_options(group)
    for folder in repository.get_group_options(group, ObjectType.GROUP):
        for option in options_of(repository, f"{group}/{folder}"):
            yield f"{folder}/{option}"


def plain_of(config: Any) -> Any:
    """As plain containers, interpolations as they are written."""
    return OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config
