"""From a program text to a `Listing`; whatever is wrong is one line that names file and line."""

from collections.abc import Callable, Iterator
from pathlib import Path

from isa.assembler import LineError, assemble_lines
from isa.errors import UserError, meant
from isa.geometry import TileXY
from isa.image import Program
from isa.instructions import Queue
from isa.machine import Machine, load_machine
from programs.common.check import check_programs
from programs.text.directives import read_block, tiles_of
from programs.text.lengths import check_loops
from programs.text.listing import Count, Listing
from programs.text.names import Names, in_words_of

__all__ = ["read_listing"]

MACHINE = "mesh4"
"""The machine of a text that names none."""
_DEFINITIONS = ("constant", "address", "semaphore", "tag")
_SETTINGS = ("machine", "mesh")

Lines = list[tuple[int, str]]


def read_listing(path: Path, machine: str = "", mesh: str = "") -> Listing:
    """Read a program text.

    Parameters
    ----------
    path
        The file; files it names are looked for beside it.
    machine, mesh
        Instead of what the text says; empty: what it says, or `MACHINE` and its mesh.

    Raises
    ------
    UserError
        ``file:line: what: what would be right``, in one line.
    """
    lines = list(_split(path))
    said = _settings(path, lines)
    try:
        name = machine or _beside(path, said.get("machine", MACHINE))
        found = load_machine(name, mesh or said.get("mesh"))
    except UserError as error:
        number = next((n for n, words in lines if words[0] in (".machine", ".mesh")), 0)
        raise UserError(f"{path}:{number}: {error}" if number else str(error)) from None
    reader = _Reader(path, found)
    for number, words in lines:
        try:
            reader.read(number, words)
        except ValueError as error:
            raise UserError(f"{path}:{number}: {error}") from None
    return reader.finish()


def _split(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The words of every line that has any."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"PROGRAM {path}: {error.strerror}") from None
    except ValueError:
        raise UserError(f"PROGRAM {path}: must be UTF-8 text") from None
    for number, line in enumerate(text.split("\n"), 1):
        if words := line.split("#")[0].split():
            yield number, words


def _settings(path: Path, lines: list[tuple[int, list[str]]]) -> dict[str, str]:
    """What the text says of the machine: it must be known before anything else is read."""
    said: dict[str, str] = {}
    for number, words in lines:
        name = words[0].removeprefix(".")
        if words[0].startswith(".") and name in _SETTINGS:
            if len(words) != 2 or name in said:
                raise UserError(f"{path}:{number}: .{name} must appear once, with one value")
            said[name] = words[1]
    return said


def _beside(path: Path, machine: str) -> str:
    """A machine's name; of a file that is beside the text, its path."""
    file = path.parent / machine
    return str(file) if machine.endswith(".toml") and file.exists() else machine


class _Reader:
    """What has been read so far."""

    def __init__(self, path: Path, machine: Machine):
        self._listing = Listing(path, machine)
        self._names = Names(machine)
        self._tiles: tuple[TileXY, ...] = ()
        self._code: dict[TileXY, Lines] = {tile: [] for tile in self._listing.tiles}
        self._said: dict[int, str] = {}  # lines before names became numbers
        self._label = ""
        self._followed: set[int] = set()
        self._directives: dict[str, Callable[[int, list[str]], None]] = {
            "tile": self._tile,
            "queue": lambda number, words: self._line(number, [".queue", *words]),
            "expect": self._expect,
            "show": self._show,
            "l1": lambda number, words: self._content(number, ["l1", *words]),
            "hbm": lambda number, words: self._content(number, ["hbm", *words]),
        }

    def read(self, number: int, words: list[str]) -> None:
        """Take a line."""
        first, rest = words[0], words[1:]
        name = first.removeprefix(".")
        if not first.startswith("."):
            self._instruction(number, words)
        elif name in _DEFINITIONS:
            self._names.define(name, rest, number)
        elif name in self._directives:
            self._directives[name](number, rest)
        elif name not in _SETTINGS:
            known = (f".{name}" for name in (*_SETTINGS, *_DEFINITIONS, *self._directives))
            raise ValueError(f"unknown directive {first!r}: {meant(first, known)}")

    def finish(self) -> Listing:
        """Assemble and check."""
        listing, path = self._listing, self._listing.path
        if not any(self._code.values()):
            raise UserError(f"{path}: nothing to run: must have .tile, .queue and instructions")
        listing.semaphores = self._names.called("semaphore")
        listing.tags = self._names.called("tag")
        listing.addresses = self._names.called("address")
        programs: dict[tuple, Program] = {}
        for tile, code in self._code.items():
            key = tuple(code)
            try:
                listing.programs[tile] = programs.get(key) or programs.setdefault(
                    key, assemble_lines(code)
                )
            except LineError as error:
                said = in_words_of(self._said.get(error.line, ""), dict(code).get(error.line, ""))
                raise UserError(f"{path}:{error.line}: {said(error.text)}") from None
            listing.lines[tile] = _lines_of(code)
        self._check()
        return listing

    def _check(self) -> None:
        listing = self._listing
        most = listing.machine.tile.program_instructions
        for (x, y), program in listing.programs.items():
            if len(program) > most:
                last = self._code[x, y][-1][0]
                raise UserError(
                    f"{listing.path}:{last}: tile ({x},{y}) has {len(program)} instruction slots: "
                    f"must be at most {most} (tile.program_instructions)"
                )
            self._check_loops((x, y), program)
        try:
            check_programs(listing.machine, listing.programs)
        except ValueError as error:
            raise UserError(listing.first_named(str(error))) from None

    def _check_loops(self, tile: TileXY, program: Program) -> None:
        for queue, lines in self._listing.lines[tile].items():
            if id(program) not in self._followed and lines:
                place, wrong = check_loops(program.queues[queue])
                if wrong:
                    raise UserError(f"{self._listing.path}:{lines[place]}: {wrong}")
        self._followed.add(id(program))

    def _tile(self, number: int, words: list[str]) -> None:
        if not words:
            raise ValueError(".tile must be followed by tiles X,Y, rectangles X0,Y0:X1,Y1 or all")
        chosen = dict.fromkeys(tile for word in words for tile in tiles_of(word, self._names))
        self._tiles = tuple(chosen)

    def _instruction(self, number: int, words: list[str]) -> None:
        if words[0].endswith(":"):
            self._define_label(words[0][:-1], number)
            words = words[1:]
        if words:
            self._line(number, words)
            if self._label:
                self._listing.labels[number] = self._label
            self._label = ""

    def _define_label(self, label: str, number: int) -> None:
        before = next((n for n, name in self._listing.labels.items() if name == label), 0)
        if before or label == self._label or not label.isidentifier():
            where = f"is already in line {before or number}" if label.isidentifier() else "is none"
            raise ValueError(f"label {label!r} {where}: must be a name of its own")
        self._label = label

    def _line(self, number: int, words: list[str]) -> None:
        if not self._tiles:
            raise ValueError(f"{words[0]} must come after .tile")
        text = self._said[number] = " ".join(words)
        same = not {"x", "y"} & set(_letters(text))
        filled = ""
        for tile in self._tiles:
            if not filled or not same:
                filled = text if words[0] == ".queue" else self._names.fill(text, tile)
            self._code[tile].append((number, filled))

    def _content(self, number: int, words: list[str]) -> None:
        folder = self._listing.path.parent
        self._listing.contents.append(read_block(words, self._names, number, folder))

    def _show(self, number: int, words: list[str]) -> None:
        self._listing.shown.append(read_block(words, self._names, number, None, show=True))

    def _expect(self, number: int, words: list[str]) -> None:
        if words[:1] != ["semaphore"]:
            folder = self._listing.path.parent
            self._listing.expected.append(read_block(words, self._names, number, folder))
            return
        if len(words) != 4:
            raise ValueError(".expect semaphore must be followed by tiles, a semaphore and a count")
        semaphore, count = (self._names.number(word) for word in words[2:])
        if not 0 <= semaphore < (there := self._listing.machine.tile.semaphores):
            raise ValueError(f"semaphore {semaphore} must be from 0 to {there - 1}")
        tiles = tiles_of(words[1], self._names)
        self._listing.counts.append(Count(number, tiles, semaphore, count))


def _letters(text: str) -> Iterator[str]:
    """Words of a line that may be names."""
    return iter(text.replace("=", " ").translate(_APART).split())


_APART = str.maketrans(dict.fromkeys(",:@+-*", " "))


def _lines_of(code: Lines) -> dict[Queue, list[int]]:
    """The line of each instruction, by queue."""
    lines: dict[Queue, list[int]] = {queue: [] for queue in Queue}
    queue = Queue.MATRIX
    for number, text in code:
        if text.startswith(".queue"):
            queue = Queue[text.split()[1].upper()]
        else:
            lines[queue].append(number)
    return lines
