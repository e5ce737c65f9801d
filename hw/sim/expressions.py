"""The cells of Amaranth's netlist as C++ expressions on vectors, for `hw.sim.lanes`."""

from amaranth.hdl import _nir  # the netlist has no public interface: the version is pinned

from hw.sim.vectors import at, constant, converted, masked, runs, truth, type_of, wide

__all__ = ["Expressions", "width_of"]

_NARROWED = ("~", "+", "-", "*", "&", "|", "^", "<<", "m")
"""Operators of which a low bit depends on no higher bit of the operands."""
_COMPARISONS = {"==": "==", "!=": "!=", "u<": "<", "u>": ">", "u<=": "<=", "u>=": ">="}


class Expressions:
    """Values of one netlist, each a C++ expression of 32 bits, or 64 if it is wider, whose upper
    bits are 0; equal ones are computed once.

    What a register holds is in an array ``register<cell>``; a memory is ``memory<cell>``, an array
    for each address.

    Parameters
    ----------
    netlist, shared
        The netlist, and the inputs that are the same for all copies.
    """

    def __init__(self, netlist: _nir.Netlist, shared: frozenset[str]):
        self.cells, self.shared, self.top = netlist.cells, shared, netlist.top
        self.read: dict[str, int] = {}
        """Inputs that matter, and their widths."""
        self.used: dict[int, int] = {}
        """By cell: how many of its low bits anybody looks at."""
        self.lines: list[str] = []
        """Statements that make what expressions name."""
        for value in self.top.ports_o.values():
            self._use(value)

    def begin(self) -> None:
        """Forget all statements."""
        self.lines = []
        self._names: dict[tuple[str, int], str] = {}
        self._widths: dict[str, int] = {}
        self._made: dict[int, str] = {}

    def _use(self, value) -> None:
        """Note that somebody looks at these nets."""
        for net in value:
            if not net.is_cell or not net.cell or self.used.get(net.cell, 0) > net.bit:
                continue
            self.used[net.cell], cell = net.bit + 1, self.cells[net.cell]
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
                if isinstance(cell, _nir.AsyncReadPort | _nir.SyncReadPort):
                    self._use_memory(cell.memory)

    def _use_memory(self, memory: int) -> None:
        if memory in self.used:
            return
        self.used[memory] = self.cells[memory].width
        for cell in self.cells:
            if isinstance(cell, _nir.SyncWritePort) and cell.memory == memory:
                self._use([*cell.data, *cell.en])

    def word(self, port: _nir.Cell) -> str:
        """The word of a memory that a port looks at."""
        width = self.cells[port.memory].width
        return at(f"memory{port.memory}[{self._address(port.addr)}]", width)

    def _address(self, value: _nir.Value) -> str:
        for port, (start, width) in self.top.ports_i.items():
            nets = [_nir.Net.from_cell(0, bit) for bit in range(start, start + width)]
            if port in self.shared and list(value) == nets:
                self.read[port] = width
                return port
        raise NotImplementedError("An address that is not an input of all copies in lanes")

    def _name(self, text: str, bits: int) -> str:
        """A constant that holds an expression."""
        found = self._names.get((text, bits))
        if found is None:
            found = self._names[text, bits] = f"v{len(self._names)}"
            self._declare(found, text, bits)
        return found

    def _declare(self, name: str, text: str, bits: int) -> None:
        self._widths[name] = bits
        self.lines.append(f"const {type_of(bits)} {name} = {text};")

    def _net(self, net: _nir.Net) -> tuple[str, int]:
        """The constant that holds a net, and at which bit."""
        if net.cell == 0:
            for port, (start, width) in self.top.ports_i.items():
                if start <= net.bit < start + width:
                    if (name := f"in_{port}") not in self._widths:
                        self.read[port] = width
                        shared = port in self.shared
                        text = f"V32{{}} + {port}" if shared else at(port, width)
                        self._declare(name, text, width)
                    return name, net.bit - start
        cell = self.cells[net.cell]
        if isinstance(cell, _nir.PriorityMatch):
            return self._first(cell, net.bit), 0
        if net.cell not in self._made:
            width = self.used[net.cell]
            if isinstance(cell, _nir.FlipFlop | _nir.SyncReadPort):
                width = width_of(cell)
                self._declare(f"q{net.cell}", at(f"register{net.cell}", width), width)
                self._made[net.cell] = f"q{net.cell}"
            else:
                self._made[net.cell] = self._name(*self._cell(cell, width))
        return self._made[net.cell], net.bit

    def value(self, value: _nir.Value, bits: int | None = None) -> str:
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
        terms = [self.value(_nir.Value(net)) for net in (cell.en, cell.inputs[bit])]
        terms += [f"({self.value(_nir.Value(net))} ^ 1u)" for net in cell.inputs[:bit]]
        return self._name(" & ".join(terms), 1)

    def _cell(self, cell: _nir.Cell, width: int) -> tuple[str, int]:
        """The low `width` bits of a cell's output, and how many they are."""
        if isinstance(cell, _nir.Operator):
            return self._operator(cell, width)
        if isinstance(cell, _nir.Matches):
            return self._matches(cell), 1
        if isinstance(cell, _nir.AssignmentList):
            return self._assigned(cell, width), width
        if isinstance(cell, _nir.AsyncReadPort):
            return self.word(cell), cell.width
        raise NotImplementedError(f"A {type(cell).__name__} in lanes")

    def _matches(self, cell: _nir.Matches) -> str:
        value, bits, found = self.value(cell.value), len(cell.value), []
        for pattern in cell.patterns:
            mask = constant(int(pattern.replace("0", "1").replace("-", "0") or "0", 2), bits)
            want = constant(int(pattern.replace("-", "0") or "0", 2), bits)
            found.append(truth(f"({value} & {mask}) == {want}", bits))
        return " | ".join(found)

    def _assigned(self, cell: _nir.AssignmentList, width: int) -> str:
        text = self.value(cell.default, width)
        for one in cell.assignments:
            end = min(one.start + len(one.value), width)
            if end <= one.start:
                continue
            placed = _nir.Value([*_nir.Value.zeros(one.start), *one.value[: end - one.start]])
            new = self.value(placed, width)
            if end - one.start < width:
                text = self._name(text, width)
                mask = (1 << width) - (1 << end) | (1 << one.start) - 1
                new = f"({text} & {constant(mask, width)} | {new})"
            text = self._name(self.chosen(_nir.Value(one.cond), new, text, width), width)
        return text

    def chosen(self, condition: _nir.Value, chosen: str, other: str, width: int) -> str:
        one = self.value(condition)
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
            return truth(f"{self.value(inputs[0])} {sign} {constant(every, bits)}", bits), 1
        if operator in _COMPARISONS:
            left, right = map(self.value, inputs)
            return truth(f"{left} {_COMPARISONS[operator]} {right}", bits), 1
        if operator in ("<<", "u>>"):
            width = width if operator == "<<" else cell.width
            return self._shifted(operator[-2:], *inputs, width), width
        if operator not in _NARROWED:
            raise NotImplementedError(f"An operator {operator} in lanes")
        if operator == "m":
            chosen, other = (self.value(value, width) for value in inputs[1:])
            return self.chosen(inputs[0], chosen, other, width), width
        values = [self.value(value, width) for value in inputs]
        text = f"{values[0]} {operator} {values[1]}" if values[1:] else f"{operator}{values[0]}"
        return text if operator in "&|^" else masked(text, width), width

    def _shifted(self, sign: str, value: _nir.Value, amount: _nir.Value, width: int) -> str:
        bits = 64 if wide(width) else 32
        text = self.value(value, width)
        by = converted(self.value(amount), len(amount), width)
        within = f"{text} {sign} {by}"
        if 1 << len(amount) > bits:  # C++ does not define a shift by more than that
            zero = f"({type_of(width)}{{}})"
            within = f"({by} < {bits}) ? ({text} {sign} ({by} & {bits - 1})) : {zero}"
        return masked(within, width) if sign == "<<" else within


def width_of(cell: _nir.Cell) -> int:
    """Bits of what a register holds."""
    return cell.width if isinstance(cell, _nir.SyncReadPort) else len(cell.data)
