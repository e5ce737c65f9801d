"""The flow model beside the packet simulation, on cases small enough for both."""

from itertools import permutations, product

from model.wafer.bounds import bisection_seconds, link_seconds
from model.wafer.description import DieFabric
from model.wafer.flows import DieFlow, run_flows
from model.wafer.packets import run_packets
from model.wafer.topology import Topology

__all__ = ["check_fabric"]

PORT = 4e12
SHAPES = ("mesh", "torus", "fat-tree")
PACKETS = (1, 16, 128)


def check_fabric(side: int = 4, packets: tuple[int, ...] = PACKETS) -> list[dict]:
    """Seconds of an all-to-all, and of multicasts from everybody to everybody, on `side` × `side`
    dies of each shape, with so many packets to each die.
    """
    rows = []
    for shape, what, count in product(SHAPES, ("all-to-all", "multicast"), packets):
        sizes = {"columns": side, "rows": side, "leaf_dies": side, "spines": side}
        fabric = DieFabric.model_validate({"shape": shape} | sizes)
        topology, size = Topology(fabric), float(count * fabric.packet_bytes)
        flows = _flows(fabric.dies, what, size)
        fluid, exact = run_flows(topology, flows, PORT), run_packets(topology, flows, PORT)
        turns = run_packets(topology, flows, PORT, oldest_first=False)
        bound = 0.0
        if what == "all-to-all":
            bound = link_seconds(topology, flows)
            if shape != "fat-tree":
                bound = max(bound, bisection_seconds(topology, size))
        rows.append(
            {
                "shape": shape,
                "what": what,
                "packets": count,
                "flows_us": fluid.makespan() * 1e6,
                "packets_us": float(exact.max()) * 1e6,
                "round_robin_us": float(turns.max()) * 1e6,
                "bound_us": bound * 1e6,
                "error_percent": 100 * (fluid.makespan() / float(exact.max()) - 1),
            }
        )
    return rows


def _flows(dies: int, what: str, size: float) -> list[DieFlow]:
    if what == "all-to-all":
        return [DieFlow(a, (b,), size) for a, b in permutations(range(dies), 2)]
    others = [tuple(b for b in range(dies) if b != a) for a in range(dies)]
    return [DieFlow(a, others[a], size) for a in range(dies)]
