"""A VCD as a dump of the mesh declares it, with a little traffic: for tests of what only reads names and formats."""

from collections.abc import Iterator
from pathlib import Path

from hw.layouts import FlitKind
from isa.instructions import Opcode, Queue

TOP = ("TOP", "testbench", "mesh", "waves")
DATA = {"valid": 1, "ready": 1, "x0": 6, "y0": 6, "x1": 6, "y1": 6, "kind": 2, "addr": 16, "bump": 1, "sem": 5, "tag": 8}
REQUEST = {
    "valid": 1, "ready": 1, "x": 6, "y": 6, "edge": 2, "write": 1, "program": 1, "addr": 28, "x0": 6, "y0": 6, "x1": 6, "y1": 6,
    "bump": 1, "sem": 5, "tag": 8, "rows": 12, "words": 12,
}  # fmt: skip
REDUCE = {
    "valid": 1, "ready": 1, "x0": 6, "y0": 6, "x1": 6, "y1": 6, "root_x": 6, "root_y": 6, "turn": 1, "op": 1, "fmt": 3, "addr": 16,
    "bump": 1, "sem": 5, "tag": 8, "seq": 16,
}  # fmt: skip
ENGINE = {"state": 3, "pc": 16, "wait_sem": 5, "issue": 1, "opcode": 8, "slot": 16, "done": 1}
TRANSFER = {"tag": 8, "rows": 12, "words": 12}
ENGINES = {
    "matrix": {**ENGINE, "active": 1, "operand_stall": 1, "drain_stall": 1}, "vector": {**ENGINE, "active": 1},
    "load": {**ENGINE, **TRANSFER}, "out": {**ENGINE, **TRANSFER, "stall": 1},
}  # fmt: skip
MACHINE = ("columns", "rows", "word_bytes", "fifo_depth", "adder_stages", "hbm_latency", "hbm_bytes_per_cycle", "semaphores")


def scopes(
    columns: int, rows: int, channels: tuple[tuple[str, int, int], ...], semaphores: int
) -> dict[str, dict[str, int]]:
    """Scope below ``waves`` to name and width of its signals."""
    found = {"": {"clk": 1, "cycle": 32, "last": 1}, "machine": dict.fromkeys(MACHINE, 32)}
    for x, y in ((x, y) for x in range(columns) for y in range(rows)):
        inside = {"west": x > 0, "east": x < columns - 1, "south": y > 0, "north": y < rows - 1}
        sides = [side for side, there in inside.items() if there or (side, x, y) in channels]
        tile = f"tile_{x}_{y}"
        found |= {f"{tile}.data_{port}": DATA for port in ("inject", "eject", *sides)}
        found |= {f"{tile}.request_{port}": REQUEST for port in ("inject", *sides)}
        found |= {f"{tile}.reduce_{port}": REDUCE for port in ("inject", "eject", *(s for s in sides if inside[s]))}
        found |= {f"{tile}.{name}": signals for name, signals in ENGINES.items()}
        found |= {
            f"{tile}.l1": {"waits": 6},
            f"{tile}.sem": {f"s{i}": 6 for i in range(semaphores)},
            f"{tile}.status": {"error": 1},
        }
    found |= {f"hbm_{index}_{edge}_{x}_{y}.data": DATA for index, (edge, x, y) in enumerate(channels)}
    return found


def write(
    path: Path, columns: int, rows: int, *, channels=(("west", 0, 0),), semaphores=4, first=0, cycles=200, top=TOP
) -> Path:
    """Write it: `cycles` cycles from cycle `first`, values that show every state, opcode and kind."""
    signals = [
        (scope, name, width)
        for scope, names in scopes(columns, rows, channels, semaphores).items()
        for name, width in names.items()
    ]
    codes = {(scope, name): f"s{index}" for index, (scope, name, _) in enumerate(signals)}
    lines = ["$version a test $end", "$timescale 1ns $end", *(f"$scope module {name} $end" for name in top)]
    for scope in dict.fromkeys(scope for scope, _, _ in signals):
        inner = scope.split(".") if scope else []
        lines += [f"$scope module {name} $end" for name in inner]
        lines += [
            f"$var wire {width} {codes[scope, name]} {name}{f' [{width - 1}:0]' if width > 1 else ''} $end"
            for where, name, width in signals
            if where == scope
        ]
        lines += ["$upscope $end"] * len(inner)
    lines += ["$upscope $end"] * len(top) + ["$enddefinitions $end"]
    before: dict[str, int] = {}
    for cycle in range(first, first + cycles):
        lines.append(f"#{2 * cycle}")
        for index, (scope, name, width) in enumerate(signals):
            value = 1 if name == "clk" else _value(scope, name, cycle, first + cycles - 1, index) & (1 << width) - 1
            code = codes[scope, name]
            if before.get(code) != value:
                lines.append(f"{value}{code}" if width == 1 else f"b{value:b} {code}")
                before[code] = value
        lines += [f"#{2 * cycle + 1}", f"0{codes['', 'clk']}"]
        before[codes["", "clk"]] = 0
    path.write_text("\n".join(lines) + "\n")
    return path


def _value(scope: str, name: str, cycle: int, last: int, index: int) -> int:
    """Something to look at: values change every few cycles, and take every code there is."""
    step = (cycle + index % 7) // 9
    if scope.split(".")[-1] in ENGINES and name == "opcode":
        return list(Opcode)[step % len(Opcode)]
    known = {
        "cycle": cycle,
        "last": int(cycle == last),
        "kind": list(FlitKind)[step % len(FlitKind)].value,
        "addr": 16 * step,
    }
    return known.get(name, step)


def queues() -> Iterator[str]:
    """Scope names of the engines."""
    return (queue.name.lower() for queue in Queue)
