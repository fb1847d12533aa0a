"""What somebody may hand over as a config file or a command line: mostly almost right, so that it gets far."""

import datetime
import re

import yaml
from hypothesis import strategies as st

ALWAYS = ("tracking=none", "tracking.figures=false", "trainer.epochs=1", "callbacks=[]")
"""At the end of a line, so that no case trains for long or leaves a store."""

_KEYS = """
    name seed dtype objective dataset model loss optimizer schedule regularizer metrics callbacks trainer tracking
    dataset.name dataset.path model.name model.hidden model.activation model.layers optimizer.name optimizer.lr
    loss.name schedule.name regularizer.strength metrics.accuracy metrics.accuracy.name callbacks.progress
    callbacks.npz trainer.epochs trainer.batch_size trainer.shuffle trainer.threads tracking.uri tracking.enabled
    tracking.run_name tracking.experiment tracking.reuse hydra hydra.run hydra.run.dir hydra.sweep.dir
    hydra.sweep.subdir hydra.job hydra.job.name hydra.job.chdir hydra.job.env_set hydra.job.env_copy hydra.mode
    hydra.launcher hydra.sweeper hydra.sweeper.params hydra.callbacks hydra.verbose hydra.overrides
    hydra.runtime.choices hydra.job_logging hydra.searchpath hydra.help defaults launcher hparams_search nothing
"""
KEYS = _KEYS.split()
GROUPS = {
    "dataset": ["xor", "spirals", "npz", "csv"],
    "model": ["mlp", "sequential", "xor/modern"],
    "loss": ["mse", "focal", "binary_cross_entropy"],
    "optimizer": ["adam", "sgd", "admm", "xor/classic"],
    "schedule": ["cosine", "one_cycle", "none"],
    "regularizer": ["l2", "none"],
    "metrics": ["[binary_accuracy]", "[accuracy]", "mse"],
    "callbacks": ["[early_stopping]", "[]", "progress"],
    "experiment": ["xor", "xor_classic", "fuzzed"],
}
# Texts and numbers that YAML, OmegaConf or Hydra read as something of their own.
ODD = [
    *[None, True, False, 0, 1, -1, 3, 1.5, 10**30, float("nan"), float("inf"), -0.0, 5400],
    *["", " ", "npz", "adam", "sgd", "xor", "mse", "???", "null", "1:30:45", "1e3", "0x1f", "yes", "\0", "ü", "a/b"],
    *["${name}", "${nothing}", "${seed}", "\\${a}", "${", "}", "$", "${.}", "${..}", "${optimizer}", "${model.name}"],
    *[
        "${oc.select:nothing,3}",
        "${oc.create:{a: 1}}",
        "${oc.decode:'[1]'}",
        "${oc.dict.keys:model}",
        "${hydra:job.num}",
    ],
    *["${hydra:nothing}", "${now:%Y}", "${nosuch:1}", "${oc.env:HOME}", "${oc.env:NO_SUCH_VARIABLE}", "${a.${b}}"],
    *[datetime.date(2020, 1, 1), b"bytes", {}, [], [None], {"name": None}, {"name": "adam"}, {"name": ["adam"]}],
    *[{"name": {"name": "adam"}}, {"_target_": "os.getcwd"}, {None: 1}, {1: 2}, {True: 1}, {1.5: 1}, [[]], [{}]],
    *[{"name": "dense", "units": 3}, ["dense"], [{"name": "dense"}], [3], {"a": {"b": {"c": [1]}}}, {"": 1}],
]

FORMS = """
'override /{group}': {option}
'override {group}': {option}
'/{group}': {option}
'{group}': {option}
'optional {group}': {option}
'/{group}@x': {option}
/{group}/{option}@_here_
_self_
""".strip().splitlines()

values = st.recursive(
    st.sampled_from(ODD) | st.integers(-3, 9) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "a", "lr", "units", "_self_", "defaults"]), inner, max_size=3)
    ),
    max_leaves=4,
)
defaults = st.lists(
    st.builds(
        lambda form, group, option: yaml.safe_load(form.format(group=group, option=option)),
        st.sampled_from(FORMS),
        st.sampled_from([*GROUPS]),
        st.sampled_from(sorted({option for options in GROUPS.values() for option in options})),
    )
    | values,
    max_size=3,
)
TOKENS = [*"{}[]?|>%#,@`~='\"\0\t\n\ufeffü", "&a ", "*a", "<<: ", ": ", "- ", "!!", "!!set ", "${", "  ", "---\n", "0o"]


def _nested(pairs):
    """``[("a.b", 1)]`` as ``{"a": {"b": 1}}``; the later one wins."""
    tree = {}
    for path, value in pairs:
        node, parts = tree, path.split(".")
        for part in parts[:-1]:
            if not isinstance(node.get(part), dict):
                node[part] = {}
            node = node[part]
        node[parts[-1]] = value
    return tree


class _Dumper(yaml.SafeDumper):
    """Writes what is repeated again, not as an alias."""

    def ignore_aliases(self, data):
        return True


def _file(header, pairs, chosen):
    tree = _nested(pairs)
    if chosen is not None and "defaults" not in tree:
        tree = {"defaults": chosen, **tree}
    return ("# @package _global_\n" if header else "") + yaml.dump(tree, Dumper=_Dumper, allow_unicode=True)


written_files = st.builds(
    _file,
    st.sampled_from([True] * 9 + [False]),
    st.lists(st.tuples(st.sampled_from(KEYS), values), min_size=1, max_size=3),
    st.none() | defaults,
)


@st.composite
def broken_files(draw):
    """A sound file with signs put in, or parts left out."""
    text = draw(written_files)
    for _ in range(draw(st.integers(1, 4))):
        place, length = draw(st.integers(0, len(text))), draw(st.integers(0, 3))
        text = text[:place] + draw(st.sampled_from(TOKENS) | st.just("")) + text[place + length :]
    return text


files = written_files | broken_files()

TEXTS = r"""
1 0 -1 1.5 1e400 null true nan [] {} [1,2] [[1],2] {a:1} {name:adam} 1,2 a,b 'a,b' ${name} ${nothing} ${ $ ' " ( ) = \
choice(1,2) range(0,2) interval(0,1) glob(*) shuffle(1,2) sort(2,1) tag(a,1) float(1) int(x) str(1) extend_list(1) ???
${oc.env:HOME} ${oc.env:NO_SUCH} ${oc.decode:[} 0..3 1:30:45 !x @ ~ # ü --x
"""
ODD_KEYS = """
optimizer@x optimizer@a:b /optimizer optimizer/xor model.hidden.0 model.layers.0.units a.b.c . .. a. .a a[0] ü 'a' @
hydra/launcher hydra/sweeper hydra/job_logging hydra/output hydra.job.id trainer._x_ _target_ seed@ @_global_
"""
_texts = st.sampled_from([*TEXTS.split(), "", "\0", " "])
_keys = st.sampled_from([*KEYS, *GROUPS, *ODD_KEYS.split()])
_overrides = st.builds(
    "".join,
    st.tuples(
        st.sampled_from([""] * 5 + ["+", "++", "~", "-", "--"]),
        _keys,
        st.sampled_from(["="] * 8 + ["", "==", ":", " ="]),
        _texts | st.sampled_from(sorted({option for options in GROUPS.values() for option in options})),
    ),
)
OPTIONS = """
-m|--cfg job|--cfg hydra --resolve|--info|--info defaults|--info searchpath|--help|--hydra-help|-cd|--cfg|-x|--|-|-sc
--package a.b --cfg job|--package optimizer --cfg job|--config-dir nowhere|--multirun=1
"""
_options = st.sampled_from([words.split() for line in OPTIONS.strip().splitlines() for words in line.split("|")])
lines = st.builds(
    lambda options, words: [*(options or []), *words],
    st.none() | st.none() | st.none() | _options,
    st.lists(_overrides | _overrides | _overrides | st.text(max_size=8), min_size=1, max_size=3),
)

NOT_OURS = re.compile(
    r"(?m)^chainrule: (\w+)\b.*\(CHAINRULE_DEBUG=1 shows where\)|^(Traceback) "
    r"|(object (?:has no|is not|does not)|'NoneType' object|unhashable type|not supported between"
    r"|indices must be|argument of type)"
)


def escaped(ran):
    """What reached the user of an error that is none of ours; None where all was told or went well."""
    found = NOT_OURS.search(ran.err) if ran.status else None
    return next(filter(None, found.groups())) if found else None
