"""How many single changes to built-in components the kit finds: see ``mutation.py``."""

from __future__ import annotations

import mutation
import pytest

import chainrule as cr


@pytest.mark.soak
@pytest.mark.parametrize("kind", mutation.KINDS)
def test_the_kit_finds_single_changes_to_components(kind: str) -> None:
    tally = mutation.tallied([kind])[kind]
    assert tally.share >= 0.97
    assert not tally.unlisted
    assert not tally.listed_and_found


@pytest.mark.parametrize("kind", mutation.KINDS)
def test_what_is_listed_to_survive_is_a_change_that_can_be_made(kind: str) -> None:
    cr.registry().names("layer")  # which imports the components
    modules = [module for module in mutation.modules() if mutation.kind_of(module.__name__) == kind]
    made = [mutant for module in modules for mutant in mutation.mutants_of(module)]
    for one in mutation.known_survivors(kind):
        found = {mutant.name.partition(": ")[2] for mutant in made if one.has(mutant)}
        assert found == {*one.changes}, one.function
