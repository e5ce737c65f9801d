"""Mutations fit the sources they are for, and say so when they do not any more."""

from pathlib import Path

import pytest

from isa.errors import UserError
from tb.runner import ROOT
from verify.mutants.catalogue import CATALOGUE
from verify.mutants.copy import PLUMBING, patched
from verify.mutants.hunt import chosen
from verify.mutants.mutation import MUTANT, Mutation
from verify.mutants.unseen import UNSEEN

ONE = Mutation("one", "a sign", "hw/some.py", "a + b", "a - (b ^ MUTANT)")
SOURCE = '"""What it is."""\n\nfrom amaranth import Module\n\nx = a + b\n'


def test_there_are_enough_with_names_of_their_own():
    assert len(CATALOGUE) >= 140 and sum(mutation.slow for mutation in CATALOGUE) >= 12
    assert len({mutation.name for mutation in CATALOGUE}) == len(CATALOGUE) < 256
    assert {mutation.area for mutation in CATALOGUE} >= {
        "float",
        "vector",
        "matrix",
        "control",
        "network",
        "memory",
    }


CHANGES = [*enumerate(CATALOGUE, 1), *((0, mutation) for mutation in PLUMBING)]


@pytest.mark.parametrize("file", sorted({mutation.file for _, mutation in CHANGES}))
def test_mutations_fit(file):
    numbered = [(number, mutation) for number, mutation in CHANGES if mutation.file == file]
    text = patched(file, Path(ROOT, file).read_text(), numbered)
    assert all(f"mutant({number})" in text for number, _ in numbered if number)
    assert MUTANT not in text
    if file.endswith(".py"):
        compile(text, file, "exec")


@pytest.mark.parametrize("unseen", UNSEEN, ids=lambda unseen: unseen.mutation.name)
def test_those_that_no_program_can_show_fit_too(unseen):
    mutation = unseen.mutation
    assert unseen.proof and mutation.name not in {other.name for other in CATALOGUE}
    patched(mutation.file, Path(ROOT, mutation.file).read_text(), [(1, mutation)])


def test_a_replacement_knows_its_number():
    text = patched("hw/some.py", SOURCE, [(7, ONE)])
    assert "x = a - (b ^ mutant(7))" in text and text.startswith('"""What it is."""\nfrom amaranth')


@pytest.mark.parametrize("source", [SOURCE.replace("a + b", "a | b"), SOURCE + "y = a + b\n"])
def test_a_mutation_that_does_not_fit_any_more(source):
    with pytest.raises(
        UserError,
        match=r"^mutation one: its text must be in hw/some.py exactly once, not [02] times$",
    ):
        patched("hw/some.py", source, [(7, ONE)])


def test_mutations_of_the_same_text():
    other = Mutation("two", "another", "hw/some.py", "= a +", "= a + MUTANT +")
    with pytest.raises(
        UserError, match=r"^mutations \w+ and \w+ change the same text of hw/some.py$"
    ):
        patched("hw/some.py", SOURCE, [(1, ONE), (2, other)])


def test_a_mutation_is_named_by_number_or_name():
    assert chosen("") == list(range(1, len(CATALOGUE) + 1))
    assert chosen("3") == chosen(CATALOGUE[2].name) == [3]
    for wrong in ("0", "999", "-1", "nothing"):
        with pytest.raises(
            UserError, match=rf"^MUTANT must be a number from 1 to {len(CATALOGUE)} or a name"
        ):
            chosen(wrong)
