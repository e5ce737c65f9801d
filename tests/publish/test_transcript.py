"""Pages that are run: what counts as the same, and that a difference is found and shown."""

import pytest

from publish.transcript import Mismatch, ShownCommand, ShownFile, follow, masked, steps_of

PAGE = """A page.

```text two.txt
one
two
```

```console
$ cat two.txt
one
two
$ echo a; echo b >&2
a
b
```

```console slow
$ true
```

```sh
only read
```
"""


def test_steps():
    assert list(steps_of(PAGE)) == [
        ShownFile(4, "two.txt", "one\ntwo\n"),
        ShownCommand(9, "cat two.txt", ("one", "two"), slow=False),
        ShownCommand(12, "echo a; echo b >&2", ("a", "b"), slow=False),
        ShownCommand(18, "true", (), slow=True),
    ]


def test_a_page_that_is_true(tmp_path):
    for step in steps_of(PAGE):
        follow(step, tmp_path, page="page.md")


@pytest.mark.parametrize("wrong", ["one\n3\n", "one\n", "one\ntwo\ntwo\n", "One\ntwo\n", ""])
def test_a_page_that_is_not(tmp_path, wrong):
    page = PAGE.replace("$ cat two.txt\none\ntwo\n", f"$ cat two.txt\n{wrong}")
    with pytest.raises(Mismatch) as raised:
        for step in steps_of(page):
            follow(step, tmp_path, page="page.md")
    said = str(raised.value)
    assert said.startswith("page.md:9: $ cat two.txt\n--- page.md:9\n+++ printed\n")
    assert any(line[:1] in "+-" for line in said.splitlines()[3:])


@pytest.mark.parametrize(
    ("page", "right"),
    [
        ("...", True),
        ("a\n...\nc", True),
        ("...\nc", True),
        ("a\nb\nc\n...", True),
        ("a\n...\nb", False),
        ("...\nd", False),
        ("...\na\n...\na\n...", False),
    ],
)
def test_dots_stand_for_lines(tmp_path, page, right):
    step = ShownCommand(1, "printf 'a\\nb\\nc\\n'", tuple(page.splitlines()), slow=False)
    if right:
        follow(step, tmp_path, page="page.md")
    else:
        with pytest.raises(Mismatch):
            follow(step, tmp_path, page="page.md")


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("took 1.5 s", "took 12.25 s"),
        ("passed: /home/me/flatmesh/build/runs/tile-4i8tnax0", "passed: build/runs/tile-xyz"),
        ("make: *** [Makefile:26: run] Error 1", "make: *** [Makefile:31: run] Error 1"),
    ],
)
def test_what_depends_on_the_machine_is_masked(line, other):
    assert masked(line) == masked(other)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("32 cycles", "33 cycles"),
        ("[Makefile:26: run] Error 1", "[Makefile:26: run] Error 2"),
        ("put.s:11", "put.s:12"),
    ],
)
def test_what_does_not_is_compared(line, other):
    assert masked(line) != masked(other)


def test_a_console_without_a_command():
    with pytest.raises(ValueError, match="line 2: console must begin with a command"):
        list(steps_of("```console\nprinted\n```\n"))
