"""One lane of the vector engine: everything that happens to an element between operands and storage
format.
"""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float.add import add_aligned, round_sum
from hw.float.compare import key
from hw.float.convert import DecodeControl, EncodeControl, decode_element, encode_rounded, round_to
from hw.float.exp2 import TABLE_ROW_BITS, exp2_argument, exp2_result
from hw.float.multiply import multiply_exact, round_product
from hw.float.stage import registered, scratch
from hw.vector.operation import Operation

__all__ = ["STAGES", "Lane"]

STAGES = ("load", "add1", "add2", "multiply1", "multiply2", "exp1", "exp2", "round")
"""Register stages in order; each advances by its own bit of ``advance``. An operation skips the
stages it does not use.
"""


def _ports(control: Operation | DecodeControl | EncodeControl) -> wiring.Signature:
    return wiring.Signature(
        {
            name: Out(len(Value.cast(value)))
            for name, value in zip(control._fields, control, strict=True)
        }
    )


class Lane(wiring.Component):
    """Data path of an element, without control. Stages are registers, and hold unless their bit of
    ``advance`` is set.

    =============== ======================================================================
    load            decoded A (or the immediate) and second operand
    add1, 2         A + B, or A - B
    multiply1, 2    A * B; for exponentials the sum times the immediate
    exp1, 2         2^ of the product
    round           result of the operation's last stage, rounded to D's format
    =============== ======================================================================

    Parameters
    ----------
    operation, decode, encode
        Control of the running instruction, of which the widths count here.

    Members
    -------
    operation, decode, encode : ``In``
        A port for each field of the control. The same for all lanes, as is
    immediate : ``In(32)``
        The instruction's immediate.
    word, half, byte, second : ``In``
        Operands from the reader.
    advance : ``In(8)``
        A bit for each of `STAGES`.
    reciprocal : ``In(32)``
        Result of the divider.
    store : ``In(1)``
        The element behind stage round is wanted.
    alive : ``In(1)``
        The result in front of stage round counts, else it is replaced by +0.
    index, row : ``Out``, ``In``
        Read port of the exponential's table: index in front of stage exp1, row behind it.
    a, b : ``Out(32)``
        A and the second operand (negated for a subtraction) behind stage load.
    rounded : ``Out(32)``
        The result behind stage round, as FP32.
    element : ``Out(32)``
        The same in D's format, in the low bits, with ``store``.
    """

    def __init__(self, *, operation: Operation, decode: DecodeControl, encode: EncodeControl):
        super().__init__(
            {
                "operation": In(_ports(operation)),
                "decode": In(_ports(decode)),
                "encode": In(_ports(encode)),
                "immediate": In(32),
                "word": In(32),
                "half": In(16),
                "byte": In(8),
                "second": In(32),
                "advance": In(len(STAGES)),
                "reciprocal": In(32),
                "store": In(1),
                "alive": In(1),
                "index": Out(8),
                "row": In(TABLE_ROW_BITS),
                "a": Out(32),
                "b": Out(32),
                "rounded": Out(32),
                "element": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        op, immediate = self.operation, self.immediate
        advance = dict(zip(STAGES, self.advance, strict=True))

        def register(width, name):
            return Signal(width, name=name, reset_less=True)

        a, b = register(32, "a"), register(32, "b")
        with m.If(advance["load"]):
            decoded = decode_element(m, self.word, self.half, self.byte, self.decode)
            m.d.sync += [
                a.eq(Mux(op.fills, immediate, decoded)),
                b.eq(Cat(self.second[:31], self.second[31] ^ op.subtracts)),
            ]

        with m.If(advance["add1"]):
            unrounded = registered(m, add_aligned(m, a, b), "unrounded")
        total = register(32, "total_2")
        with m.If(advance["add2"]):
            m.d.sync += total.eq(round_sum(m, unrounded))

        x, y = scratch(32, "x"), scratch(32, "y")
        with m.If(advance["multiply1"]):
            m.d.comb += [
                x.eq(Mux(op.exponential, total, a)),
                y.eq(Mux(op.exponential, immediate, b)),
            ]
            exact = registered(m, multiply_exact(m, x, y), "exact")
        product = register(32, "product_2")
        with m.If(advance["multiply2"]):
            m.d.sync += product.eq(round_product(m, exact))

        with m.If(advance["exp1"]):
            index, argument = exp2_argument(m, product)
            argument = registered(m, argument, "argument")
            m.d.comb += self.index.eq(index)
        power = register(32, "power_2")
        with m.If(advance["exp2"]):
            m.d.sync += power.eq(exp2_result(m, argument, self.row))

        result = scratch(32, "result")
        rounded = register(32, "rounded_")
        with m.If(advance["round"]):
            with m.If(op.exponential):
                m.d.comb += result.eq(power)
            with m.Elif(op.multiplies):
                m.d.comb += result.eq(product)
            with m.Elif(op.adds):
                m.d.comb += result.eq(total)
            with m.Elif(op.reciprocal):
                m.d.comb += result.eq(self.reciprocal)
            with m.Elif(op.maximum & (key(b) > key(a))):
                m.d.comb += result.eq(b)
            with m.Else():
                m.d.comb += result.eq(a)
            rounded_now = round_to(m, result, self.encode)
            m.d.sync += rounded.eq(Mux(self.alive, rounded_now, 0))

        with m.If(self.store):
            m.d.comb += self.element.eq(encode_rounded(m, rounded, self.encode))
        m.d.comb += [self.a.eq(a), self.b.eq(b), self.rounded.eq(rounded)]
        return m
