"""What a waveform shows of a mesh: a simulation model ``waves`` that names and samples it, and
writes it to a VCD.

The VCD holds what this model holds and nothing else: links without their data, engines, semaphores,
stalls; grouped in scopes, so that it stays small and can be read by eye. Everything is sampled at
the rising clock edge: what the VCD shows while ``cycle`` is c is what was there at the end of cycle
c.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from amaranth import Cat, ClockSignal, Instance, Value

from hw.tile.inside import header, header_of, inside
from isa.geometry import STEP
from isa.instructions import EdgePort, Queue
from isa.machine import Machine
from isa.packets import FLITS, Port

__all__ = ["Scope", "add_waves", "scopes"]

_ENGINE_SIGNALS = {
    Queue.MATRIX: {
        "active": "matrix_active",
        "operand_stall": "matrix_operand_stall",
        "drain_stall": "matrix_drain_stall",
    },
    Queue.VECTOR: {"active": "vector_active"},
    Queue.LOAD: {},
    Queue.OUT: {"stall": "out_stall"},
}
"""Name in the scope of an engine to name in `hw.tile.ports.VIEW`."""


@dataclass(frozen=True)
class Scope:
    """Signals that belong together.

    Attributes
    ----------
    place
        The scope it is in: ``tile_X_Y``, or ``hbm_I_EDGE_X_Y`` for a channel.
    name
        ``data_west``, ``matrix``, ``sem`` and so on.
    fields
        Signal name to bits.
    held
        Signals that are only sampled in cycles in which the signal `gate` is 1.
    """

    place: str
    name: str
    fields: dict[str, int]
    gate: str = ""
    held: tuple[str, ...] = ()

    @property
    def port(self) -> str:
        """The port of the model by which it comes in."""
        return f"{self.place}__{self.name}"


def scopes(machine: Machine) -> Iterator[Scope]:
    """All scopes, in the order of the VCD."""
    for y in range(machine.mesh.rows):
        for x in range(machine.mesh.columns):
            yield from _tile_scopes(machine, x, y)
    for channel in machine.channels:
        yield _stream_scope(
            machine, f"hbm_{channel.index}_{channel.edge}_{channel.x}_{channel.y}", "data", "data"
        )


def _tile_scopes(machine: Machine, x: int, y: int) -> Iterator[Scope]:
    place, shown = f"tile_{x}_{y}", inside(machine.tile)
    for queue in Queue:
        name = queue.name.lower()
        command = {field: layout.width for field, layout in shown[f"inside_{name}"]}
        own = dict.fromkeys(_ENGINE_SIGNALS[queue], 1)
        held = tuple(field for field in command if field not in ("issue", "done"))
        yield Scope(
            place, name, {"state": 3, "pc": 16, "wait_sem": 5, **command, **own}, "issue", held
        )
    for network in FLITS:
        for port in _ports(machine, x, y, network):
            yield _stream_scope(machine, place, f"{network}_{port}", network)
    yield Scope(place, "l1", {"waits": 6})
    yield Scope(
        place,
        "sem",
        {f"s{index}": machine.tile.semaphore_bits for index in range(machine.tile.semaphores)},
    )
    yield Scope(place, "status", {"error": 1})


def _stream_scope(machine: Machine, place: str, name: str, network: str) -> Scope:
    fields = {field: layout.width for field, layout in header(network, machine.tile)}
    return Scope(place, name, {"valid": 1, "ready": 1, **fields}, "valid", tuple(fields))


def _ports(machine: Machine, x: int, y: int, network: str) -> list[str]:
    """Where flits leave the tile's router or enter it from the tile: those ports that lead
    somewhere.
    """
    local = ["inject"] if network == "request" else ["inject", "eject"]
    return local + [
        port.name.lower() for port in STEP if _leads_somewhere(machine, x, y, network, port)
    ]


def _leads_somewhere(machine: Machine, x: int, y: int, network: str, port: Port) -> bool:
    dx, dy = STEP[port]
    if 0 <= x + dx < machine.mesh.columns and 0 <= y + dy < machine.mesh.rows:
        return True
    return network == "request" and any(
        (c.x, c.y, c.edge) == (x, y, port.name.lower()) for c in machine.channels
    )


def add_waves(
    m, machine: Machine, tiles, channels, *, on, finished, cycle, hbm_latency, hbm_bytes_per_cycle
) -> None:
    """Place the model in a mesh.

    Parameters
    ----------
    tiles, channels
        Placed tiles by position, built with `waves`, and channel controllers in the machine's
        order.
    on
        1 from cycle 0 of the run on.
    finished
        1 once it is over.
    cycle
        Number of the cycle; stands still when the run is over.
    """
    values = {}
    for (x, y), tile in tiles.items():
        for scope in _tile_scopes(machine, x, y):
            values[scope.port] = _of_tile(machine, tile, scope)
    for scope, channel in zip(
        (s for s in scopes(machine) if s.name == "data"), channels, strict=True
    ):
        values[scope.port] = _of_stream(machine, "data", channel.data)
    m.submodules.waves = Instance(
        "waves",
        ("i", "clk", ClockSignal()),
        ("i", "on", on),
        ("i", "finished_now", finished),
        ("i", "cycle_now", cycle),
        ("i", "hbm_latency_now", hbm_latency),
        ("i", "hbm_bytes_per_cycle_now", hbm_bytes_per_cycle),
        *(("i", name, Cat(*fields.values())) for name, fields in values.items()),
    )


def _of_tile(machine: Machine, tile, scope: Scope) -> dict[str, Value]:
    """What comes in for a scope of a tile, in the order of its fields."""
    view, name = tile.view, scope.name
    if name == "sem":
        return {"added": Value.cast(tile.inside_added), "taken": Value.cast(tile.inside_taken)}
    if name == "status":
        return {"error": Value.cast(tile.error)}
    if name == "l1":
        return {"waits": tile.inside_l1.waits}
    if name.upper() in Queue.__members__:
        queue, port = Queue[name.upper()], getattr(tile, f"inside_{name}")
        states = {
            "state": view.queue_state[queue],
            "pc": view.queue_pc[queue],
            "wait_sem": view.wait_sem[queue],
        }
        own = {field: view[source] for field, source in _ENGINE_SIGNALS[queue].items()}
        return {**states, **{field: port[field] for field, _ in port.shape()}, **own}
    network, end = name.split("_")
    if end in ("inject", "eject"):
        port = getattr(tile, f"inside_{name}")
        return {
            "valid": port.valid,
            "ready": port.ready,
            **{field: port.header[field] for field, _ in port.header.shape()},
        }
    return _of_stream(machine, network, getattr(tile, f"{network}_o")[EdgePort[end.upper()]])


def _of_stream(machine: Machine, network: str, stream) -> dict[str, Value]:
    return {
        "valid": stream.valid,
        "ready": stream.ready,
        **header_of(network, machine.tile, stream.payload),
    }
