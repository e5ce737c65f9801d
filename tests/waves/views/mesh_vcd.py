"""A VCD with the scopes and names of a mesh's own, and values that show every state, opcode and
kind: for tests of views.
"""

from pathlib import Path

from hw.sim.waves import scopes
from isa.instructions import Opcode, Queue
from isa.machine import load_machine
from isa.packets import FlitKind
from tb import toolchain
from tb.runner import ROOT

MACHINE = (
    "columns",
    "rows",
    "word_bytes",
    "fifo_depth",
    "adder_stages",
    "joins_in_flight",
    "channel_queue",
    "hbm_latency",
    "hbm_bytes_per_cycle",
    "semaphores",
)
CONVERTER = {"headers": toolchain.include_folder, "kept": ROOT / "build" / "tools"}
"""For `waves.views.to_fst`."""
ENGINES = [queue.name.lower() for queue in Queue]


def signals(mesh: str) -> dict[tuple[str, str], int]:
    """Scope below ``waves`` and name to bits, for machine tiny with another mesh."""
    found = {
        ("", "clk"): 1,
        ("", "cycle"): 32,
        ("", "last"): 1,
        **{("machine", name): 16 for name in MACHINE},
    }
    for scope in scopes(load_machine("tiny", mesh)):
        found |= {
            (f"{scope.place}.{scope.name}", name): bits for name, bits in scope.fields.items()
        }
    return found


def value(scope: str, name: str, cycle: int, last: int) -> int:
    """What a signal holds in a cycle: something that changes now and then, and takes every code
    there is.
    """
    step = (cycle + len(scope + name)) // 9
    if scope.split(".")[-1] in ENGINES and name == "opcode":
        return list(Opcode)[step % len(Opcode)]
    known = {
        "cycle": cycle,
        "last": int(cycle == last),
        "kind": list(FlitKind)[step % len(FlitKind)].value,
        "addr": 16 * step,
    }
    return known.get(name, step)


def write_vcd(
    path: Path, mesh: str, *, first: int = 0, cycles: int = 30, above: tuple[str, ...] = ("mesh",)
) -> Path:
    """Write `cycles` cycles from cycle `first`, two time units each, with the scopes `above` the
    model ``waves``.
    """
    bits = signals(mesh)
    codes = {key: f"v{index}" for index, key in enumerate(bits)}
    lines = [
        "$version a test $end",
        "$timescale 1ns $end",
        *(f"$scope module {name} $end" for name in above),
    ]
    # What a view leaves alone: another scope, whose clock is the same variable.
    lines += [
        "$scope module tile_9_9 $end",
        f"$var wire 1 {codes['', 'clk']} clk $end",
        "$upscope $end",
    ]
    lines.append("$scope module waves $end")
    for scope in dict.fromkeys(scope for scope, _ in bits):
        inner = scope.split(".") if scope else []
        own = {name: width for (where, name), width in bits.items() if where == scope}
        lines += [f"$scope module {name} $end" for name in inner]
        lines += [
            f"$var wire {w} {codes[scope, n]} {n}{f' [{w - 1}:0]' if w > 1 else ''} $end"
            for n, w in own.items()
        ]
        lines += ["$upscope $end"] * len(inner)
    lines += ["$upscope $end"] * (len(above) + 1) + ["$enddefinitions $end", ""]
    for cycle in range(first, first + cycles):
        lines.append(f"#{2 * cycle}\n1{codes['', 'clk']}")
        for (scope, name), width in bits.items():
            if name != "clk":
                number = value(scope, name, cycle, first + cycles - 1) & (1 << width) - 1
                lines.append(
                    f"{number}{codes[scope, name]}"
                    if width == 1
                    else f"b{number:b} {codes[scope, name]}"
                )
        lines.append(f"#{2 * cycle + 1}\n0{codes['', 'clk']}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path
