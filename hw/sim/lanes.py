"""The netlist of a component as C++ that takes many copies of it through a clock cycle at a time.

A simulator compiles every copy of a component by itself. Copies that do the same in every cycle are
computed faster side by side: `lanes` writes each cell of Amaranth's netlist as one operation on
vectors, which hold a number for each of several copies, as many as the host has room for. Nothing
is left out: the same gates, and the same bits in every register after every cycle.
"""

from collections.abc import Collection, Mapping

from amaranth import Value
from amaranth.hdl import _ir, _nir  # the netlist has no public interface: the version is pinned
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.sim.vectors import at, constant, converted, masked, runs, truth, type_of, wide

__all__ = ["lanes"]


def lanes(component: wiring.Component, name: str, count: str, shared: Collection[str] = ()) -> str:
    """C++ of a struct `name` that holds `count` copies of the component.

    Its members are those of the component, nested ones joined by ``__``: an array with a number for
    each copy, or one number for all. ``show()`` sets the outputs from inputs and registers,
    ``clock()`` takes the registers through a rising clock edge.

    Parameters
    ----------
    component
        Registers of one clock without reset, and logic on values of up to 64 bits.
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


_NARROWED = ("~", "+", "-", "*", "&", "|", "^", "<<", "m")
"""Operators of which a low bit depends on no higher bit of the operands."""
_COMPARISONS = {"==": "==", "!=": "!=", "u<": "<", "u>": ">", "u<=": "<=", "u>=": ">="}


class _Writer:
    """Writes one netlist. A value is a C++ expression of 32 bits, or 64 if it is wider, whose upper
    bits are 0; equal ones are computed once.
    """

    def __init__(self, netlist: _nir.Netlist, shared: frozenset[str]):
        self._cells, self._shared, self._top = netlist.cells, shared, netlist.top
        self._read: dict[str, int] = {}  # inputs that matter, and their widths
        self._used: dict[int, int] = {}  # by cell: how many of its low bits anybody looks at
        for value in self._top.ports_o.values():
            self._use(value)

    def _use(self, value) -> None:
        """Note that somebody looks at these nets."""
        for net in value:
            if not net.is_cell or not net.cell or self._used.get(net.cell, 0) > net.bit:
                continue
            self._used[net.cell], cell = net.bit + 1, self._cells[net.cell]
            if isinstance(cell, _nir.Operator) and cell.operator in _NARROWED:
                for index, operand in enumerate(cell.inputs):
                    data = index == 0 if cell.operator == "<<" else index or cell.operator != "m"
                    self._use(operand[: net.bit + 1] if data else operand)
            elif isinstance(cell, _nir.AssignmentList):
                self._use(cell.default[: net.bit + 1])
                for one in cell.assignments:
                    self._use(one.value[: max(0, net.bit + 1 - one.start)])
                    self._use(_nir.Value(one.cond))
            elif isinstance(cell, _nir.FlipFlop):
                self._use(cell.data)
            else:
                self._use(cell.input_nets())

    def text(self, name: str, count: str) -> str:
        """The struct."""
        outputs = self._top.ports_o
        registers = {
            f"register{index}": cell
            for index, cell in enumerate(self._cells)
            if isinstance(cell, _nir.FlipFlop) and index in self._used
        }
        for cell in registers.values():
            if cell.init or cell.clk_edge != "pos" or cell.arst != 0:
                raise NotImplementedError("A register with reset or initial value in lanes")
        data = {register: cell.data for register, cell in registers.items()}
        show, clock = self._body(outputs), self._body(data)
        arrays = {array: len(value) for array, value in (outputs | data).items()}
        arrays |= {port: width for port, width in self._read.items() if port not in self._shared}
        members = [f"uint32_t {port} = 0;" for port in self._read if port in self._shared]
        members += [
            f"alignas(64) uint{64 if wide(bits) else 32}_t {array}[N] = {{}};"
            for array, bits in arrays.items()
        ]
        return _STRUCT.format(
            name=name, count=count, members="\n    ".join(members), show=show, clock=clock
        )

    def _body(self, goals: Mapping[str, _nir.Value]) -> str:
        """Statements that set arrays to values."""
        self._lines, self._names, self._widths, self._made = [], {}, {}, {}
        ends = [f"{at(goal, len(value))} = {self._value(value)};" for goal, value in goals.items()]
        return "\n            ".join([*self._lines, *ends])

    def _name(self, text: str, bits: int) -> str:
        """A constant that holds an expression."""
        found = self._names.get((text, bits))
        if found is None:
            found = self._names[text, bits] = f"v{len(self._names)}"
            self._declare(found, text, bits)
        return found

    def _declare(self, name: str, text: str, bits: int) -> None:
        self._widths[name] = bits
        self._lines.append(f"const {type_of(bits)} {name} = {text};")

    def _net(self, net: _nir.Net) -> tuple[str, int]:
        """The constant that holds a net, and at which bit."""
        if net.cell == 0:
            for port, (start, width) in self._top.ports_i.items():
                if start <= net.bit < start + width:
                    if (name := f"in_{port}") not in self._widths:
                        self._read[port] = width
                        shared = port in self._shared
                        text = f"V32{{}} + {port}" if shared else at(port, width)
                        self._declare(name, text, width)
                    return name, net.bit - start
        cell = self._cells[net.cell]
        if isinstance(cell, _nir.PriorityMatch):
            return self._first(cell, net.bit), 0
        if net.cell not in self._made:
            width = self._used[net.cell]
            if isinstance(cell, _nir.FlipFlop):
                width = len(cell.data)
                self._declare(f"q{net.cell}", at(f"register{net.cell}", width), width)
                self._made[net.cell] = f"q{net.cell}"
            else:
                self._made[net.cell] = self._name(*self._cell(cell, width))
        return self._made[net.cell], net.bit

    def _value(self, value: _nir.Value, bits: int | None = None) -> str:
        """An expression for the low `bits` of a value, by default all; of its width, or of that of
        a wider result.
        """
        value = value[:bits]
        total = max(len(value), bits or 0)
        ones = sum(1 << place for place, net in enumerate(value) if net.is_const and net.const)
        nets = [None if net.is_const else self._net(net) for net in value]
        parts = []
        for place, count, repeated in runs(nets):
            name, bit = nets[place]
            width = self._widths[name]
            part = f"({name} >> {bit})" if bit else name
            if repeated:
                one = f"({part} & 1u)" if width > bit + 1 else part
                part = f"({masked(f'-{converted(one, width, total)}', count)})"
            else:
                if bit + count < width:
                    part = f"({masked(part, count)})"
                part = converted(part, width, total)
            parts.append(f"({part} << {place})" if place else part)
        if ones or not parts:
            parts.append(f"({type_of(total)}{{}} + {constant(ones, total)})")
        return parts[0] if len(parts) == 1 else f"({' | '.join(parts)})"

    def _first(self, cell: _nir.PriorityMatch, bit: int) -> str:
        """Whether an input is the first that is 1."""
        terms = [self._value(_nir.Value(net)) for net in (cell.en, cell.inputs[bit])]
        terms += [f"({self._value(_nir.Value(net))} ^ 1u)" for net in cell.inputs[:bit]]
        return self._name(" & ".join(terms), 1)

    def _cell(self, cell: _nir.Cell, width: int) -> tuple[str, int]:
        """The low `width` bits of a cell's output, and how many they are."""
        if isinstance(cell, _nir.Operator):
            return self._operator(cell, width)
        if isinstance(cell, _nir.Matches):
            return self._matches(cell), 1
        if isinstance(cell, _nir.AssignmentList):
            return self._assigned(cell, width), width
        raise NotImplementedError(f"A {type(cell).__name__} in lanes")

    def _matches(self, cell: _nir.Matches) -> str:
        value, bits, found = self._value(cell.value), len(cell.value), []
        for pattern in cell.patterns:
            mask = constant(int(pattern.replace("0", "1").replace("-", "0") or "0", 2), bits)
            want = constant(int(pattern.replace("-", "0") or "0", 2), bits)
            found.append(truth(f"({value} & {mask}) == {want}", bits))
        return " | ".join(found)

    def _assigned(self, cell: _nir.AssignmentList, width: int) -> str:
        text = self._value(cell.default, width)
        for one in cell.assignments:
            end = min(one.start + len(one.value), width)
            if end <= one.start:
                continue
            placed = _nir.Value([*_nir.Value.zeros(one.start), *one.value[: end - one.start]])
            new = self._value(placed, width)
            if end - one.start < width:
                text = self._name(text, width)
                mask = (1 << width) - (1 << end) | (1 << one.start) - 1
                new = f"({text} & {constant(mask, width)} | {new})"
            text = self._name(self._chosen(_nir.Value(one.cond), new, text, width), width)
        return text

    def _chosen(self, condition: _nir.Value, chosen: str, other: str, width: int) -> str:
        one = self._value(condition)
        if not wide(width):
            return f"({one} != 0) ? {chosen} : {other}"
        every = self._name(f"-{converted(one, 1, width)}", width)  # no machine has one for both
        return f"({every} & {chosen}) | (~{every} & {other})"

    def _operator(self, cell: _nir.Operator, width: int) -> tuple[str, int]:
        operator, inputs = cell.operator, cell.inputs
        bits = len(inputs[0])
        if operator in ("b", "r|", "r&"):
            every = (1 << bits) - 1 if operator == "r&" else 0
            sign = "==" if operator == "r&" else "!="
            return truth(f"{self._value(inputs[0])} {sign} {constant(every, bits)}", bits), 1
        if operator in _COMPARISONS:
            left, right = map(self._value, inputs)
            return truth(f"{left} {_COMPARISONS[operator]} {right}", bits), 1
        if operator in ("<<", "u>>"):
            width = width if operator == "<<" else cell.width
            return self._shifted(operator[-2:], *inputs, width), width
        if operator not in _NARROWED:
            raise NotImplementedError(f"An operator {operator} in lanes")
        if operator == "m":
            chosen, other = (self._value(value, width) for value in inputs[1:])
            return self._chosen(inputs[0], chosen, other, width), width
        values = [self._value(value, width) for value in inputs]
        text = f"{values[0]} {operator} {values[1]}" if values[1:] else f"{operator}{values[0]}"
        return text if operator in "&|^" else masked(text, width), width

    def _shifted(self, sign: str, value: _nir.Value, amount: _nir.Value, width: int) -> str:
        bits = 64 if wide(width) else 32
        text = self._value(value, width)
        by = converted(self._value(amount), len(amount), width)
        within = f"{text} {sign} {by}"
        if 1 << len(amount) > bits:  # C++ does not define a shift by more than that
            zero = f"({type_of(width)}{{}})"
            within = f"({by} < {bits}) ? ({text} {sign} ({by} & {bits - 1})) : {zero}"
        return masked(within, width) if sign == "<<" else within


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
