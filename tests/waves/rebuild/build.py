"""Writes a VCD of a mesh from what its signals are in each cycle, as the waves of the hardware
would show them.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from isa.geometry import STEP

RECTANGLE = {"x0": 6, "y0": 6, "x1": 6, "y1": 6}
BUMP = {"bump": 1, "sem": 5, "tag": 8}
HANDSHAKE = {"valid": 1, "ready": 1}
FLITS = {
    "data": HANDSHAKE | RECTANGLE | {"kind": 2, "addr": 16} | BUMP,
    "request": HANDSHAKE
    | {"x": 6, "y": 6, "edge": 2, "write": 1, "program": 1, "addr": 28}
    | RECTANGLE
    | BUMP
    | {"rows": 12, "words": 12},
    "reduce": HANDSHAKE
    | RECTANGLE
    | {"root_x": 6, "root_y": 6, "turn": 1, "op": 1, "fmt": 3, "addr": 16}
    | BUMP
    | {"seq": 16},
}
QUEUE = {"state": 3, "pc": 16, "wait_sem": 5, "issue": 1, "opcode": 8, "slot": 16, "done": 1}
MOVED = {"tag": 8, "rows": 12, "words": 12}
QUEUES = {
    "matrix": QUEUE | {"active": 1, "operand_stall": 1, "drain_stall": 1},
    "vector": QUEUE | {"active": 1},
    "load": QUEUE | MOVED,
    "out": QUEUE | {"stall": 1} | MOVED,
}
MACHINE = {
    "columns": 2,
    "rows": 1,
    "word_bytes": 16,
    "fifo_depth": 2,
    "adder_stages": 3,
    "joins_in_flight": 9,
    "channel_queue": 4,
    "hbm_latency": 100,
    "hbm_bytes_per_cycle": 8,
    "semaphores": 2,
}

Channel = tuple[str, int, int]


def ports(
    network: str, x: int, y: int, columns: int, rows: int, channels: Sequence[Channel]
) -> Iterator[str]:
    """Ports of a network at a tile that lead somewhere."""
    yield "inject"
    if network != "request":
        yield "eject"
    for side, (dx, dy) in STEP.items():
        inside, port = 0 <= x + dx < columns and 0 <= y + dy < rows, side.name.lower()
        if inside or (network == "request" and (port, x, y) in channels):
            yield port


def signals(
    columns: int, rows: int, channels: Sequence[Channel], semaphores: int = 2
) -> dict[str, int]:
    """Every signal below the scope ``waves`` and its width."""
    found = {"clk": 1, "cycle": 32, "last": 1, "finished": 1} | {
        f"machine.{name}": 16 for name in MACHINE
    }
    for y, x in product(range(rows), range(columns)):
        tile = f"tile_{x}_{y}"
        for network, fields in FLITS.items():
            for port in ports(network, x, y, columns, rows, channels):
                found |= {
                    f"{tile}.{network}_{port}.{name}": width for name, width in fields.items()
                }
        for queue, fields in QUEUES.items():
            found |= {f"{tile}.{queue}.{name}": width for name, width in fields.items()}
        found |= {f"{tile}.l1.waits": 6, f"{tile}.status.error": 1}
        found |= {f"{tile}.sem.s{index}": 6 for index in range(semaphores)}
    for index, (edge, x, y) in enumerate(channels):
        found |= {
            f"hbm_{index}_{edge}_{x}_{y}.data.{name}": width
            for name, width in FLITS["data"].items()
        }
    return found


def code(index: int) -> str:
    """A short identifier code for each index."""
    text = ""
    while True:
        text += chr(33 + index % 94)
        index = index // 94 - 1
        if index < 0:
            return text


def header(widths: Mapping[str, int], above: Sequence[str], ranges: str) -> Iterator[str]:
    """Declarations; `ranges` is put between the name of a vector and its bit range, if it
    has one.
    """
    yield "$version made for a test $end"
    yield "$timescale 1ns $end"
    opened: list[str] = []
    for index, (name, width) in enumerate(widths.items()):
        *scopes, last = [*above, "waves", *name.split(".")]
        common = next(
            (i for i, (a, b) in enumerate(zip(opened, scopes, strict=False)) if a != b),
            min(len(opened), len(scopes)),
        )
        yield from ["$upscope $end"] * (len(opened) - common)
        yield from [f"$scope module {scope} $end" for scope in scopes[common:]]
        opened = scopes
        suffix = f"{ranges}[{width - 1}:0]" if width > 1 else ""
        yield f"$var wire {width} {code(index)} {last}{suffix} $end"
    yield from ["$upscope $end"] * len(opened)
    yield "$enddefinitions $end"


def change(width: int, value: int | str, name: str) -> str:
    """A line that gives a signal a value; text is for unknown digits."""
    if width == 1:
        return f"{value}{name}"
    return f"b{value if isinstance(value, str) else format(value, 'b')} {name}"


def vcd(
    cycles: Sequence[Mapping[str, int | str]],
    *,
    columns: int = 2,
    rows: int = 1,
    channels: Sequence[Channel] = (),
    first: int = 0,
    above: Sequence[str] = ("TOP", "mesh"),
    ranges: str = " ",
    last: bool = True,
) -> str:
    """A VCD of as many cycles: in each, the signals that change with the clock edge at which it
    begins to be shown.

    Names are those below ``waves``, such as ``tile_0_0.data_east.valid``. What is not given stays,
    and is 0 at first.
    """
    widths = signals(columns, rows, channels)
    codes = {name: code(index) for index, name in enumerate(widths)}
    constants = {
        f"machine.{name}": value
        for name, value in (MACHINE | {"columns": columns, "rows": rows}).items()
    }
    lines = list(header(widths, above, ranges))
    shown: dict[str, int | str] = {}
    for index, given in enumerate(cycles):
        now = {
            "clk": 1,
            "cycle": first + index,
            "finished": 0,
            "last": int(last and index == len(cycles) - 1),
            **given,
        }
        if not index:
            now = dict.fromkeys(widths, 0) | constants | now
        lines.append(f"#{2 * index + 10}")
        lines += [
            change(widths[name], value, codes[name])
            for name, value in now.items()
            if shown.get(name) != value
        ]
        lines += [f"#{2 * index + 11}", f"0{codes['clk']}"]
        shown |= now | {"clk": 0}
    return "\n".join(lines) + "\n"


def write(path: Path, *args, **kwargs) -> Path:
    """`vcd` in a file."""
    path.write_text(vcd(*args, **kwargs))
    return path
