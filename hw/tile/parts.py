"""The parts of a tile."""

from amaranth import DomainRenamer, Module, Value

from hw.control.eject import Ejector
from hw.control.l1 import L1
from hw.control.load import LoadEngine
from hw.control.out import OutEngine
from hw.control.program import ProgramMemory
from hw.control.semaphores import Semaphores
from hw.control.sequencer import Sequencer
from hw.layouts import data_flit, request_flit
from hw.matrix.engine import MatrixEngine
from hw.network.reduce_router import ReduceRouter
from hw.network.router import Router
from hw.tile.boot import BootLoader
from hw.tile.ports import GATED
from hw.vector.engine import VectorEngine
from isa.instructions import Queue
from isa.machine import Machine
from isa.status import L1_CLIENTS

__all__ = ["Parts"]


class Parts:
    """What is in a tile, connected to nothing yet.

    Attributes
    ----------
    machine : Machine
        What it was built for.
    l1, semaphores, program, matrix, vector, load, out, ejector, boot
        One of each.
    routers : dict
        By network.
    sequencers : dict
        By queue.
    gated : dict
        Those that can sleep, by `hw.tile.ports.GATED`; with `gated`, in domains of these names.
    """

    def __init__(self, m: Module, machine: Machine, *, gated: bool = False):
        self.machine, tile = machine, machine.tile
        m.submodules.l1 = self.l1 = L1(tile=tile, ports=len(L1_CLIENTS))
        m.submodules.semaphores = self.semaphores = Semaphores(
            tile=tile, bumps=2 + len(Queue), waiters=len(Queue)
        )
        m.submodules.program = self.program = ProgramMemory(tile=tile)
        m.submodules.matrix = self.matrix = MatrixEngine(tile=tile)
        self.vector = VectorEngine(tile=tile)
        m.submodules.load = self.load = LoadEngine(tile=tile)
        m.submodules.out = self.out = OutEngine(tile=tile)
        m.submodules.ejector = self.ejector = Ejector(tile=tile)
        m.submodules.boot = self.boot = BootLoader(tile=tile)
        self.routers = {
            "data": Router(machine=machine, payload=data_flit(tile), multicast=True),
            "request": Router(machine=machine, payload=request_flit(tile), multicast=False),
            "reduce": ReduceRouter(machine=machine),
        }
        self.gated = {name: self.routers.get(name, self.vector) for name in GATED}
        for name, part in self.gated.items():
            place = f"{name}_router" if name in self.routers else name
            m.submodules[place] = DomainRenamer(name)(part) if gated else part
        self.sequencers = {}
        for queue in Queue:
            self.sequencers[queue] = m.submodules[f"sequencer_{queue.name.lower()}"] = Sequencer(
                machine=machine, queue=queue
            )

    @property
    def ejected(self) -> Value:
        """A word arrives in L1 in this cycle."""
        return self.ejector.words[0] | self.ejector.words[1]
