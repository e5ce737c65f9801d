"""What a sequencer refuses before it hands an instruction to its engine."""

from amaranth import Cat, Const, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.layouts import COMMON_LAYOUT, COORDINATE, SHAPE, operands_layout, shape_of
from isa.instructions import LAYOUTS, EdgePort, Format, Kind, Opcode, Queue, SignalKind
from isa.machine import Machine
from isa.status import ErrorCode

__all__ = ["Legality", "kind_of_queue"]


def kind_of_queue(queue: Queue) -> Kind:
    """Layout of the engine instructions a queue executes."""
    return {Queue.MATRIX: Kind.MATRIX, Queue.VECTOR: Kind.VECTOR}.get(queue, Kind.MOVE)


class Legality(wiring.Component):
    """Checks an instruction's operands, registers already added. Combinational.

    ILLEGAL: a size of 0 (n may be 0 for ROWMAX and EXP), a format the engine does not take, a
    semaphore or a kind of signal that does not exist. ADDRESS: a first L1 word beyond the L1.
    REMOTE_ADDRESS: a first remote word beyond the channel or the receivers' L1. RECTANGLE: an empty
    rectangle or one that leaves the mesh, a REDUCE by a tile outside its rectangle, a root, a
    signalled tile or a channel that is not there. Whoever accesses the memory finds what runs
    beyond it later on.

    Address fields are checked whether the opcode uses them or not; those not used are 0.

    Members
    -------
    scalar, engine : ``In(1)``
        Check the common fields; check the operands as well. With neither, `code` is NONE.
    common, operands : ``In``
        The instruction; its opcode is legal for the queue.
    x, y : ``In(6)``
        The tile's position.
    mesh : ``In(SHAPE)``
        The mesh it is in; the machine's, if not connected.
    code : ``Out(ErrorCode)``
        NONE if the instruction may issue.
    """

    def __init__(self, *, machine: Machine, queue: Queue):
        self._machine = machine
        self._queue = queue
        self._kind = kind_of_queue(queue)
        super().__init__(
            {
                "scalar": In(1),
                "engine": In(1),
                "common": In(COMMON_LAYOUT),
                "operands": In(operands_layout(self._kind)),
                "x": In(COORDINATE),
                "y": In(COORDINATE),
                "mesh": In(SHAPE, init=shape_of(machine)),
                "code": Out(ErrorCode),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rules = {Kind.MATRIX: self._matrix, Kind.VECTOR: self._vector, Kind.MOVE: self._move}[
            self._kind
        ]
        # Everything is computed inside these branches only, so that an idle sequencer costs a
        # simulator nothing.
        with m.If(self.engine):
            self._first(m, [*self._common(), *rules()])
        with m.Elif(self.scalar):
            self._first(m, self._common())
        return m

    def _first(self, m, rules):
        for i, (code, broken) in enumerate(rules):
            with m.If(broken) if i == 0 else m.Elif(broken):
                m.d.comb += self.code.eq(code)

    def _common(self):
        common, tile, mesh = self.common, self._machine.tile, self.mesh
        illegal = common.sig1_kind == 3
        if tile.semaphores < 32:
            for name, used in (
                ("wait0", common.wait0_count.any()),
                ("wait1", common.wait1_count.any()),
                ("sig0", common.sig0_on),
                ("sig1", common.sig1_kind.any()),
            ):
                illegal |= used & (common[f"{name}_sem"] >= tile.semaphores)
        nowhere = (common.sig1_x > mesh.last_x) | (common.sig1_y > mesh.last_y)
        yield ErrorCode.ILLEGAL, illegal
        yield ErrorCode.RECTANGLE, (common.sig1_kind == SignalKind.REMOTE) & nowhere

    def _empty(self, *names):
        empty = Const(0)
        for name in names:
            empty |= ~self.operands[name].any()
        return empty

    def _beyond_l1(self):
        beyond = Const(0)
        for field in LAYOUTS[self._kind]:
            if field.width == 16 and f"{field.name}_reg" in self.operands.shape().members:
                beyond |= self.operands[field.name] >= self._machine.tile.l1_words
        return ErrorCode.ADDRESS, beyond

    def _matrix(self):
        broken = self._empty("m", "n", "k")
        for fmt in (self.operands.fmt_a, self.operands.fmt_b):
            broken |= (fmt == Format.FP32) | (fmt > Format.E5M2)
        yield ErrorCode.ILLEGAL, broken
        yield self._beyond_l1()

    def _vector(self):
        operands, opcode = self.operands, self.common.opcode
        may_be_empty = (opcode == Opcode.ROWMAX) | (opcode == Opcode.EXP)
        formats = (operands.fmt_a > Format.E5M2) | (operands.fmt_d > Format.E5M2)
        yield ErrorCode.ILLEGAL, self._empty("m") | self._empty("n") & ~may_be_empty | formats
        yield self._beyond_l1()

    def _move(self):
        operands, machine, mesh = self.operands, self._machine, self.mesh
        yield ErrorCode.ILLEGAL, self._empty("rows", "words")
        yield self._beyond_l1()
        in_hbm = (operands.remote >= machine.channel_words, ~self._channel())
        in_l1 = operands.remote >= machine.tile.l1_words
        bad_rectangle = (
            (operands.x0 > operands.x1)
            | (operands.y0 > operands.y1)
            | (operands.x1 > mesh.last_x)
            | (operands.y1 > mesh.last_y)
        )
        if self._queue == Queue.LOAD:
            yield ErrorCode.REMOTE_ADDRESS, in_hbm[0]
            yield ErrorCode.RECTANGLE, in_hbm[1] | bad_rectangle
            return
        store, reduce = self.common.opcode == Opcode.STORE, self.common.opcode == Opcode.REDUCE
        outside = (
            (self.x < operands.x0)
            | (self.x > operands.x1)
            | (self.y < operands.y0)
            | (self.y > operands.y1)
        )
        no_root = (operands.target_x > mesh.last_x) | (operands.target_y > mesh.last_y)
        yield (
            ErrorCode.ILLEGAL,
            reduce & ~Cat(operands.fmt == fmt for fmt in machine.mesh.formats).any(),
        )
        yield ErrorCode.REMOTE_ADDRESS, Mux(store, in_hbm[0], in_l1)
        yield (
            ErrorCode.RECTANGLE,
            Mux(store, in_hbm[1], bad_rectangle | reduce & (outside | no_root)),
        )

    def _channel(self):
        """Whether there is an HBM channel at outer port `edge` of the target tile."""
        operands, mesh = self.operands, self.mesh
        there = Const(0)
        for edge, across, along, side in (
            (EdgePort.WEST, operands.target_x, operands.target_y, 0),
            (EdgePort.EAST, operands.target_x, operands.target_y, mesh.last_x),
            (EdgePort.SOUTH, operands.target_y, operands.target_x, 0),
            (EdgePort.NORTH, operands.target_y, operands.target_x, mesh.last_y),
        ):
            has_one = mesh.channels[edge].bit_select(along, 1)
            there |= (operands.edge == edge) & (across == side) & has_one
        return there
