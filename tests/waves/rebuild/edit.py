"""Changes to a real VCD: windows cut out of it, and signals that are not what the hardware made
them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path


class Vcd:
    """A VCD of the mesh by cycle: the value of each signal that changes with a clock edge.

    Names are those below the scope ``waves``.
    """

    def __init__(self, path: Path):
        lines = path.read_text().splitlines()
        end = next(index for index, line in enumerate(lines) if line.startswith("$enddefinitions"))
        self.head = lines[: end + 1]
        self.codes = dict(_declared(self.head))
        self.first, self.cycles = 0, []
        """Changes of each cycle, by identifier code."""
        self._read(lines[end + 1 :])

    def _read(self, lines: list[str]) -> None:
        found: dict[str, str] = {}
        cycle = self.codes["cycle"]
        for line in lines:
            if line.startswith("#"):
                if cycle in found:
                    self.cycles.append(found)
                found = {}
            elif line:
                value, code = line.split() if line[0] in "bB" else (line[0], line[1:])
                found[code] = value
        if cycle in found:
            self.cycles.append(found)
        self.first = int(self.cycles[0][cycle][1:], 2)

    def value(self, name: str, cycle: int) -> int:
        """A signal in a cycle."""
        code = self.codes[name]
        return next(
            int(c[code].lstrip("b"), 2)
            for c in reversed(self.cycles[: cycle - self.first + 1])
            if code in c
        )

    def when(self, *names: str) -> list[int]:
        """Cycles in which all of these are not 0."""
        now, found = dict.fromkeys(names, 0), []
        for index, changes in enumerate(self.cycles):
            now |= {
                name: int(changes[self.codes[name]].lstrip("b"), 2)
                for name in names
                if self.codes[name] in changes
            }
            if all(now.values()):
                found.append(self.first + index)
        return found

    def set(self, cycle: int, values: Mapping[str, int]) -> None:
        """Give signals other values, for one cycle."""
        for name, value in values.items():
            code, index = self.codes[name], cycle - self.first
            before, width = self.value(name, cycle), len(self.cycles[0][code].lstrip("b"))
            write = lambda v: format(v, "b") if width == 1 else f"b{v:0{width}b}"  # noqa: B023, E731
            self.cycles[index][code] = write(value)
            if index + 1 < len(self.cycles):
                self.cycles[index + 1].setdefault(code, write(before))

    def save(self, path: Path, first: int | None = None, last: int | None = None) -> Path:
        """Write it, or the cycles from `first` to `last`."""
        start = 0 if first is None else first - self.first
        stop = len(self.cycles) if last is None else last - self.first + 1
        state: dict[str, str] = {}
        for changes in self.cycles[: start + 1]:
            state |= changes
        clk, end = self.codes["clk"], self.codes["last"]
        lines = [*self.head, ""]
        for index in range(start, stop):
            now = dict(state if index == start else self.cycles[index]) | {clk: "1"}
            if index == stop - 1:
                now[end] = "1"
            lines.append(f"#{2 * index + 10}")
            lines += [
                f"{value} {code}" if value[0] == "b" else f"{value}{code}"
                for code, value in now.items()
            ]
            lines += [f"#{2 * index + 11}", f"0{clk}"]
        path.write_text("\n".join(lines) + "\n")
        return path


def _declared(head: list[str]) -> Iterator[tuple[str, str]]:
    scope: list[str] = []
    for line in head:
        words = line.split()
        if words[:1] == ["$scope"]:
            scope.append(words[2])
        elif words[:1] == ["$upscope"]:
            scope.pop()
        elif words[:1] == ["$var"] and "waves" in scope:
            yield ".".join([*scope[scope.index("waves") + 1 :], words[4]]), words[3]
