"""The netlist of a component as C++ that takes many copies of it through a clock cycle at a time.

A simulator compiles every copy of a component by itself. Copies that do the same in every cycle are
computed faster side by side: `lanes` writes each cell of Amaranth's netlist as one operation on
vectors, which hold a number for each of several copies, as many as the host has room for. Nothing
is left out: the same gates, and the same bits in every register after every cycle.
"""

from collections.abc import Collection, Iterable

from amaranth import Value
from amaranth.hdl import _ir, _nir  # the netlist has no public interface: the version is pinned
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.sim.expressions import Expressions, width_of
from hw.sim.vectors import at, wide

__all__ = ["lanes"]


def lanes(component: wiring.Component, name: str, count: str, shared: Collection[str] = ()) -> str:
    """C++ of a struct `name` that holds `count` copies of the component.

    Its members are those of the component, nested ones joined by ``__``: an array with a number for
    each copy, or one number for all. ``show()`` sets the outputs from inputs and registers,
    ``clock()`` takes the registers through a rising clock edge.

    Parameters
    ----------
    component
        Registers of one clock without reset, memories with a `shared` input as each address, and
        logic on values of up to 64 bits.
    name, count
        C++ expressions.
    shared
        Inputs that are the same for all copies.

    Raises
    ------
    NotImplementedError
        If there is anything else in the component.
    """
    ports = {}
    for path, member, value in component.signature.flatten(component):
        way = _ir.PortDirection.Input if member.flow == In else _ir.PortDirection.Output
        ports["__".join(map(str, path))] = (Value.cast(value), way)
    netlist = _ir.build_netlist(_ir.Fragment.get(component, None), ports=ports)
    return _Writer(netlist, frozenset(shared)).text(name, count)


class _Writer:
    """Writes one netlist."""

    def __init__(self, netlist: _nir.Netlist, shared: frozenset[str]):
        self._values = values = Expressions(netlist, shared)
        self._outputs = netlist.top.ports_o
        used = {number: values.cells[number] for number in sorted(values.used)}
        self._registers = {n: c for n, c in used.items() if isinstance(c, _REGISTERS)}
        self._memories = {n: c for n, c in used.items() if isinstance(c, _nir.Memory)}
        for cell in self._registers.values():
            reset = isinstance(cell, _nir.FlipFlop) and (cell.init or cell.arst != 0)
            if reset or cell.clk_edge != "pos" or getattr(cell, "transparent_for", ()):
                raise NotImplementedError("A register with reset or initial value in lanes")
        if any(any(memory.init) for memory in self._memories.values()):
            raise NotImplementedError("A memory with initial values in lanes")

    def text(self, name: str, count: str) -> str:
        """The struct."""
        values, shared = self._values, self._values.shared
        show, clock = self._show(), self._clock()
        arrays = {port: (len(value), "") for port, value in self._outputs.items()}
        for number, cell in self._registers.items():
            arrays[f"register{number}"] = (width_of(cell), "")
        for number, cell in self._memories.items():
            words = 1 << (cell.depth - 1).bit_length()  # all that an address may be
            arrays[f"memory{number}"] = (cell.width, f"[{words}]")
        arrays |= {port: (width, "") for port, width in values.read.items() if port not in shared}
        members = [f"uint32_t {port} = 0;" for port in values.read if port in shared]
        members += [
            f"alignas(64) uint{64 if wide(bits) else 32}_t {array}{words}[N] = {{}};"
            for array, (bits, words) in arrays.items()
        ]
        return _STRUCT.format(
            name=name, count=count, members="\n    ".join(members), show=show, clock=clock
        )

    def _show(self) -> str:
        """Statements that set the outputs."""
        self._values.begin()
        return self._joined(
            f"{at(port, len(value))} = {self._values.value(value)};"
            for port, value in self._outputs.items()
        )

    def _clock(self) -> str:
        """Statements that set registers and memories, from what all of them were before."""
        values = self._values
        values.begin()
        ends = []
        for number, cell in self._registers.items():
            register = at(f"register{number}", width_of(cell))
            if isinstance(cell, _nir.FlipFlop):
                ends.append(f"{register} = {values.value(cell.data)};")
            else:
                ends.append(self._kept(register, cell.en, values.word(cell), cell.width))
        for cell in values.cells:
            if isinstance(cell, _nir.SyncWritePort) and cell.memory in self._memories:
                if len(set(cell.en)) > 1:
                    raise NotImplementedError("A write of parts of a word in lanes")
                ends.append(
                    self._kept(
                        values.word(cell), cell.en[0], values.value(cell.data), len(cell.data)
                    )
                )
        return self._joined(ends)

    def _kept(self, target: str, enable: _nir.Net, value: str, width: int) -> str:
        """The target becomes the value where it is enabled."""
        return f"{target} = {self._values.chosen(_nir.Value(enable), value, target, width)};"

    def _joined(self, ends: Iterable[str]) -> str:
        made = list(ends)  # which adds to the lines
        return "\n            ".join([*self._values.lines, *made])


_REGISTERS = (_nir.FlipFlop, _nir.SyncReadPort)


_STRUCT = """// Made by hw/sim/lanes.py from a netlist.
struct {name} {{
#if defined(__AVX512F__)
    static constexpr int LANES = 16;
#elif defined(__AVX2__)
    static constexpr int LANES = 8;
#else
    static constexpr int LANES = 4;
#endif
    typedef uint32_t V32 __attribute__((vector_size(4 * LANES), may_alias));
    typedef uint64_t V64 __attribute__((vector_size(8 * LANES), aligned(4 * LANES), may_alias));
    static constexpr int N = ({count} + LANES - 1) / LANES * LANES;
    {members}

    void show() {{
        for (int k = 0; k < N; k += LANES) {{
            {show}
        }}
    }}

    void clock() {{
        for (int k = 0; k < N; k += LANES) {{
            {clock}
        }}
    }}
}};
"""
