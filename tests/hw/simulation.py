"""Components in Amaranth's simulator, each elaborated once however many tests run it.

A router takes half a second to elaborate and a tenth to run a test.
"""

from functools import cache

from amaranth.sim import Simulator

__all__ = ["Simulation", "simulation"]


class Simulation:
    """A component with a clock; every run starts from its initial state."""

    def __init__(self, dut):
        self.dut = dut
        self._benches, self._simulator = (), None

    def run(self, *benches):
        """Run until all of these testbenches, in this order, have ended."""
        simulator, self._simulator = self._simulator, None  # one that a failure stopped is lost
        if simulator is None or len(benches) != len(self._benches):
            simulator = Simulator(self.dut)
            simulator.add_clock(1e-6)
            for index in range(len(benches)):
                simulator.add_testbench(self._bench(index))
        else:
            simulator.reset()
        self._benches = benches
        simulator.run()
        self._simulator = simulator

    def _bench(self, index):
        async def bench(ctx):
            await self._benches[index](ctx)

        return bench


@cache
def simulation(component, **parameters) -> Simulation:
    """The one of ``component(**parameters)``."""
    return Simulation(component(**parameters))
