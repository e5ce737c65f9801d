"""The parts of a tile."""

from amaranth import Module, Value

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
    """

    def __init__(self, m: Module, machine: Machine):
        self.machine, tile = machine, machine.tile
        m.submodules.l1 = self.l1 = L1(tile=tile, ports=len(L1_CLIENTS))
        m.submodules.semaphores = self.semaphores = Semaphores(
            tile=tile, bumps=2 + len(Queue), waiters=len(Queue)
        )
        m.submodules.program = self.program = ProgramMemory(tile=tile)
        m.submodules.matrix = self.matrix = MatrixEngine(tile=tile)
        m.submodules.vector = self.vector = VectorEngine(tile=tile)
        m.submodules.load = self.load = LoadEngine(tile=tile)
        m.submodules.out = self.out = OutEngine(tile=tile)
        m.submodules.ejector = self.ejector = Ejector(tile=tile)
        m.submodules.boot = self.boot = BootLoader(tile=tile)
        m.submodules.data_router = data_router = Router(
            machine=machine, payload=data_flit(tile), multicast=True
        )
        m.submodules.request_router = request_router = Router(
            machine=machine, payload=request_flit(tile), multicast=False
        )
        m.submodules.reduce_router = reduce_router = ReduceRouter(machine=machine)
        self.routers = {"data": data_router, "request": request_router, "reduce": reduce_router}
        self.sequencers = {}
        for queue in Queue:
            self.sequencers[queue] = m.submodules[f"sequencer_{queue.name.lower()}"] = Sequencer(
                machine=machine, queue=queue
            )

    @property
    def ejected(self) -> Value:
        """A word arrives in L1 in this cycle."""
        return self.ejector.words[0] | self.ejector.words[1]
