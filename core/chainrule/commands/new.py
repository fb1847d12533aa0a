"""A package of one's own, ready to install and to test: ``chainrule new``.

The folder ``templates`` holds its files, as one would write them for a component called ``my_component``: in
``package`` what every package has, in the other folders what is of one kind. A new package is a copy of both, with its
own names in place of those.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import importlib.util
import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.config.nodes import config_folder
from chainrule.contract.kinds import KINDS
from chainrule.errors import ConfigError
from chainrule.registry.provenance import own_version
from chainrule.registry.registry import registry, snake_case
from chainrule.words import with_article

TEMPLATES = Path(__file__).parent / "templates"
CONFIG_WORDS = ("none", "null", "true", "false", "nan", "inf")
"""What stands for something else in a config."""
NAME = "new"


def add(commands: Any) -> None:
    """Its options."""
    parser = commands.add_parser(NAME, help="write a package of your own with one component, ready to install and test")
    parser.add_argument("name", metavar="NAME", help="such as my-swish: the component my_swish, the class MySwish")
    parser.add_argument("--kind", choices=KINDS, default="layer", metavar="KIND", help=", ".join(KINDS))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the package, and say what comes next; the exit status."""
    package = new_package(options.name, options.kind, Path.cwd())
    print(f'{package.name}: a package with the {package.kind} "{package.module}". What comes next:\n')
    print("\n".join(f"  {command}" for command in next_steps(package)))
    return 0


@dataclass(frozen=True)
class Package:
    """A package with one component, to be written: ``my-swish``, the package ``my_swish``, the class ``MySwish``."""

    name: str
    kind: str

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def cls(self) -> str:
        """Such that snake_case gives the module's name back: ``MySwish``, but ``Conv_2d``."""
        words = [word.capitalize() for word in self.module.split("_")]
        joined = "".join(words)
        return joined if snake_case(joined) == self.module else "_".join(words)

    @property
    def distribution(self) -> str:
        return self.name.replace("_", "-")

    @property
    def component(self) -> str:
        """The module that holds the component: the minimal example of its kind."""
        return self.files()[Path("src", self.module, "__init__.py")]

    @property
    def command(self) -> str:
        """What trains with the component: it stands in its module's docstring."""
        docstring = ast.get_docstring(ast.parse(self.component)) or ""
        return next(line.strip() for line in docstring.splitlines() if line.strip().startswith("chainrule train"))

    def files(self) -> dict[Path, str]:
        """Every file, by its place in the package's folder."""
        found = {}
        for root in (TEMPLATES / "package", TEMPLATES / self.kind):
            for path in sorted(root.rglob("*.txt")):
                place = self._named(str(path.relative_to(root).with_suffix("")))
                found[Path(place)] = self._named(path.read_text(encoding="utf-8"))
        return found

    def _named(self, text: str) -> str:
        names = {"MyComponent": self.cls, "my_component": self.module, "my-component": self.distribution}
        for stand_in, name in names.items():
            text = text.replace(stand_in, name)
        return text


def new_package(name: str, kind: str, parent: Path) -> Package:
    """Write a package with one component into the folder ``parent / name``.

    Raises:
        ConfigError: the name cannot be taken, or the folder is there.
    """
    package = Package(name, kind)
    refuse_name(package)
    folder = parent / name
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"there is {folder} already, and nothing is overwritten: take another name", key="NAME")
    once = {"A_KIND": with_article(kind), "VERSIONS": compatible(own_version()), "TRY_IT": package.command}
    for place, text in package.files().items():
        for stand_in, value in once.items():
            text = text.replace(stand_in, value)
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


def next_steps(package: Package) -> list[str]:
    """The commands that install, test, check and use a new package, from the folder that it was made in."""
    return [
        f"python -m pip install -e './{package.name}[test]'",
        f"python -m pytest {package.name}",
        f"chainrule check {package.distribution}",
        package.command,
        f"chainrule train experiment={package.module}",
    ]


def refuse_name(package: Package) -> None:
    """Refuse what cannot be a package's name, and what is taken.

    Raises:
        ConfigError: with what to do.
    """
    name, module = package.name, package.module
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name):
        better = re.sub(r"[^a-z0-9]+", "-", snake_case(name)).strip("-0123456789")
        such = f"such as {better or 'my-swish'}"
        raise ConfigError(
            f'got "{name}", expected small letters, digits, and - or _ between them, a letter first, {such}', key="NAME"
        )
    if keyword.iskeyword(module) or module in CONFIG_WORDS:
        raise ConfigError(f'"{name}" has a meaning of its own in Python or in a config: try my-{name}', key="NAME")
    if module in registry().names(package.kind):
        there = registry().get(package.kind, module)
        raise ConfigError(
            f'{package.kind} "{module}" is there already, from {there.distribution} {there.version}: try my-{name}',
            key="NAME",
        )
    if _installed(package):
        raise ConfigError(f'a module or package "{module}" is installed already: try my-{name}', key="NAME")
    for place in package.files():
        configs = Path("src", module, "conf")
        if place.is_relative_to(configs) and (config_folder() / place.relative_to(configs)).exists():
            raise ConfigError(
                f"chainrule has a config {place.relative_to(configs)} of its own, which would be read in place of "
                f"this one's: try my-{name}",
                key="NAME",
            )


def compatible(version: str) -> str:
    """The versions that a package written for this one may rely on.

    >>> compatible("0.1.0"), compatible("2.3.1")
    ('0.1,<0.2', '2.3,<3')
    """
    major, minor = (int(part) for part in version.split(".")[:2])
    return f"{major}.{minor},<{major + 1}" if major else f"{major}.{minor},<{major}.{minor + 1}"


def _installed(package: Package) -> bool:
    try:
        importlib.metadata.distribution(package.distribution)
    except importlib.metadata.PackageNotFoundError:
        return importlib.util.find_spec(package.module) is not None
    return True
