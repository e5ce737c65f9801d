"""The lanes of the vector engine and the control of their pipeline."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.emit import once
from hw.float.convert import decode_control, encode_control
from hw.float.exp2 import exp2_table
from hw.float.reciprocal import Fp32Reciprocal
from hw.float.special import MINUS_INFINITY
from hw.float.stage import registered
from hw.layouts import command_layout
from hw.vector.lane import STAGES, Lane
from hw.vector.operation import operation
from isa.instructions import Kind

__all__ = ["Lanes"]


class Lanes(wiring.Component):
    """Takes chunks of operands and gives chunks of results, in order.

    All stages advance together, in the cycles without ``stall``. An operation skips the stages it
    does not use: a chunk that is taken arrives at the last stage 1 cycle later, and 2 more for each
    of addition, multiplication and exponential. The divider takes a chunk at a time.

    Parameters
    ----------
    lanes : int
        Columns of a chunk.

    Members
    -------
    start, command : ``In(1)``, ``In(command_layout)``
        Begin with the instruction in `command`. Only while empty.
    stall : ``In(1)``
        Hold everything.
    valid, take : ``In(1)``, ``Out(1)``
        There is a chunk of operands; it is taken. Never taken while ``stall``.
    words, halves, bytes, second : ``In.array(lanes)``
        The operands, as `OperandReader` delivers them.
    arriving : ``Out(1)``
        A chunk is in front of the last stage, and enters it unless ``stall``. A row maximum goes no
        further.
    alive : ``In(lanes)``
        Its elements that are not replaced by +0.
    a, b : ``Out(32).array(lanes)``
        The operands of a chunk that arrives without any arithmetic.
    full : ``Out(1)``
        There is a chunk behind the last stage.
    rounded : ``Out(32).array(lanes)``
        Its elements as FP32, rounded to D's format.
    elements : ``Out(32).array(lanes)``
        The same in D's format, in the low bits, unless ``stall``.
    """

    def __init__(self, *, lanes: int):
        self._lanes = lanes
        super().__init__(
            {
                "start": In(1),
                "command": In(command_layout(Kind.VECTOR)),
                "stall": In(1),
                "valid": In(1),
                "take": Out(1),
                "words": In(32).array(lanes),
                "halves": In(16).array(lanes),
                "bytes": In(8).array(lanes),
                "second": In(32).array(lanes),
                "arriving": Out(1),
                "alive": In(lanes),
                "a": Out(32).array(lanes),
                "b": Out(32).array(lanes),
                "full": Out(1),
                "rounded": Out(32).array(lanes),
                "elements": Out(32).array(lanes),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes, command = self._lanes, self.command
        m.submodules.table = table = exp2_table()
        m.submodules.divider = divider = Fp32Reciprocal(lanes=lanes)

        # The instruction: what stays of it after its start.
        immediate = Signal(32, reset_less=True)
        with m.If(self.start):
            op = registered(m, operation(command.opcode), "op")
            decode = registered(m, decode_control(m, command.fmt_a), "decode")
            encode = registered(m, encode_control(m, command.fmt_d), "encode")
            m.d.sync += immediate.eq(command.imm)

        # Datapath.
        advance = {stage: Signal(name=f"advance_{stage}") for stage in STAGES}
        control = {"operation": op, "decode": decode, "encode": encode}
        units = [Lane(**control) for _ in range(lanes)]
        alive = self.alive & ~(self._nothing(m, units, advance) & op.exponential.replicate(lanes))
        for i, lane in enumerate(units):
            m.submodules[f"lane{i}"] = once(platform, "vector_lane", lane)
            port = table.read_port()
            m.d.comb += [
                *(
                    getattr(getattr(lane, part), name).eq(value)
                    for part, fields in control.items()
                    for name, value in zip(fields._fields, fields, strict=True)
                ),
                lane.immediate.eq(immediate),
                lane.word.eq(self.words[i]),
                lane.half.eq(self.halves[i]),
                lane.byte.eq(self.bytes[i]),
                lane.second.eq(self.second[i]),
                lane.advance.eq(Cat(advance.values())),
                divider.a[i].eq(lane.a),
                lane.reciprocal.eq(divider.o[i]),
                lane.alive.eq(alive[i]),
                lane.store.eq(self.full & ~self.stall),
                port.en.eq(advance["exp1"]),
                port.addr.eq(lane.index),
                lane.row.eq(port.data),
                self.a[i].eq(lane.a),
                self.b[i].eq(lane.b),
                self.rounded[i].eq(lane.rounded),
                self.elements[i].eq(lane.element),
            ]

        # Control: a bit for each stage that is full.
        go, divide, dividing = ~self.stall, Signal(), Signal()
        full = {stage: Signal(name=f"full_{stage}") for stage in STAGES}
        entering = {
            "load": self.take,
            "add1": full["load"] & op.adds,
            "add2": full["add1"],
            "multiply1": Mux(op.exponential, full["add2"], full["load"] & op.multiplies),
            "multiply2": full["multiply1"],
            "exp1": full["multiply2"] & op.exponential,
            "exp2": full["exp1"],
            "round": self.arriving & ~op.row_maximum,
        }
        for stage in STAGES:
            m.d.comb += advance[stage].eq(go & entering[stage])
            with m.If(go):
                m.d.sync += full[stage].eq(entering[stage])
        without_arithmetic = Mux(op.reciprocal, dividing & divider.done, full["load"])
        m.d.comb += [
            self.take.eq(self.valid & go & ~(op.reciprocal & (full["load"] | dividing))),
            divide.eq(full["load"] & op.reciprocal),
            divider.start.eq(divide & go),
            self.full.eq(full["round"]),
        ]
        with m.If(op.exponential):
            m.d.comb += self.arriving.eq(full["exp2"])
        with m.Elif(op.multiplies):
            m.d.comb += self.arriving.eq(full["multiply2"])
        with m.Elif(op.adds):
            m.d.comb += self.arriving.eq(full["add2"])
        with m.Else():
            m.d.comb += self.arriving.eq(without_arithmetic)
        with m.If(go & (divide | self.arriving)):
            m.d.sync += dividing.eq(divide)
        return m

    def _nothing(self, m, units, advance):
        """Find the exponentials that are 0 because A is -infinity, whatever was subtracted
        from it.
        """
        nothing = Signal(len(units))
        for stage in ("add1", "add2", "multiply1", "multiply2", "exp1", "exp2"):
            late = Signal(len(units), name=f"nothing_{stage}", reset_less=True)
            with m.If(advance[stage]):
                if stage == "add1":
                    m.d.comb += nothing.eq(Cat(lane.a == MINUS_INFINITY for lane in units))
                m.d.sync += late.eq(nothing)
            nothing = late
        return nothing
