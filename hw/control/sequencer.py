"""Sequencer: one in-order instruction queue in front of one engine."""

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.control.completion import SIGNALS, Completion
from hw.control.instruction import Instruction, checksum
from hw.control.legality import Legality, kind_of_queue
from hw.control.loops import LoopStack
from hw.control.registers import Registers
from hw.layouts import COORDINATE, SEM, SHAPE, SIGNAL, WAIT, command_layout, shape_of
from isa.instructions import BITS, CHECKSUM, LOOP_DEPTH, Opcode, Queue
from isa.machine import Machine
from isa.status import QUEUE_PROBES, ErrorCode, QueueState

__all__ = ["Sequencer"]


class Sequencer(wiring.Component):
    """Fetches the instructions of one queue, resolves loops and registers, waits, and issues to the
    engine.

    An engine instruction goes through: fetch, one cycle per address register it names, the legality
    check, first wait, second wait, command. Its signals are sent, first then second, once the
    engine reports it done. Up to `OUTSTANDING` commands may be with the engine; the next
    instruction gets as far as its command meanwhile, waits included.

    If nothing stalls, a scalar instruction takes 3 cycles; a command is offered 3 cycles after its
    fetch request, plus one per address register and one per wait; a signal is offered in the cycle
    after `done`.

    An instruction is consumed in place: a register number is cleared once its register is added,
    the count of a wait once it is granted. What is left to do is what is left in the instruction.

    SYNC with signals, HALT, and any other scalar instruction with signals complete only after all
    earlier instructions of the queue have completed and signalled. Registers are 0 until they are
    written.

    Parameters
    ----------
    machine : Machine
        Sizes that operands are checked against.
    queue : Queue
        Which of the tile's queues this is.

    Members
    -------
    run : ``In(1)``
        Start at slot ``entry`` (16 bits); stays 1.
    stop : ``In(1)``
        The machine stopped: offer nothing, change nothing. Stays 1 until reset.
    x, y : ``In(6)``
        The tile's position.
    mesh : ``In(SHAPE)``
        The mesh it is in; the machine's, if not connected.
    fetch : ``Out(stream(16))``, fetch_valid : ``In(1)``, fetch_data : ``In(256)``
        Request of a program slot and its answer, one or more cycles later.
    wait : ``Out(stream(WAIT))``
        Taken when the semaphore held the count, which is then subtracted.
    command : ``Out(stream)``
        To the engine: `command_layout` of the queue's kind. The register numbers in it are 0.
    done : ``In(1)``
        One pulse per command, in order.
    signal : ``Out(stream(SIGNAL))``
        Counts to add; ``x`` and ``y`` mean something with ``remote`` only.
    halted, error : ``Out(1)``
        HALT was reached and everything completed; an instruction was refused, for ``error_code`` (8
        bits) at slot ``error_pc`` (16 bits). Both stay.
    behind : ``In(2)``, executing : ``Out(16)``
        Slot of the instruction that in the cycle before was so many behind the oldest one that the
        engine had not done.
    pc, state, wait_sem, wait_count, cycles_fetch, cycles_wait, cycles_engine, instructions :
    ``Out``
        Probes: see `isa.status`. The cycles of a drain count as engine cycles; instructions count
        when they issue.
    """

    OUTSTANDING = 4

    def __init__(self, *, machine: Machine, queue: Queue):
        self._machine = machine
        self._queue = queue
        super().__init__(
            {
                "run": In(1),
                "stop": In(1),
                "entry": In(16),
                "x": In(COORDINATE),
                "y": In(COORDINATE),
                "mesh": In(SHAPE, init=shape_of(machine)),
                "fetch": Out(stream.Signature(16)),
                "fetch_valid": In(1),
                "fetch_data": In(BITS),
                "wait": Out(stream.Signature(WAIT)),
                "command": Out(stream.Signature(command_layout(kind_of_queue(queue)))),
                "done": In(1),
                "signal": Out(stream.Signature(SIGNAL)),
                "halted": Out(1),
                "error": Out(1),
                "error_code": Out(8),
                "error_pc": Out(16),
                "behind": In(range(self.OUTSTANDING)),
                "executing": Out(16),
                "pc": Out(16),
                "state": Out(QueueState),
                "wait_sem": Out(SEM),
                "wait_count": Out(6),
                **{name: Out(32) for name in QUEUE_PROBES[4:]},
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.legality = self._legality = Legality(machine=self._machine, queue=self._queue)
        m.submodules.completion = self._completion = Completion(depth=self.OUTSTANDING)
        m.submodules.loops = loops = self._loops = LoopStack(depth=LOOP_DEPTH)
        self._instruction = Instruction(self._queue)
        self._connect(m)
        self._registers = Registers(m, self._instruction)
        m.d.comb += [loops.start.eq(self.pc + 1), loops.rounds.eq(self._registers.total)]
        complete = self._complete = Signal()  # a scalar instruction, in this cycle
        signalling = complete & self._instruction.has_signals
        m.d.comb += [
            self._completion.issue.eq(self.command.valid & self.command.ready | signalling),
            self._completion.instant.eq(signalling),
        ]
        with m.FSM():
            self._fetch(m)
            with m.State("decode"):
                self._decode(m)
            self._wait(m)
            self._hand_over(m)
            with m.State("halted"):
                m.d.comb += [self.state.eq(QueueState.HALTED), self.halted.eq(1)]
            with m.State("error"):
                m.d.comb += [self.state.eq(QueueState.ERROR), self.error.eq(1)]
        self._probe(m)
        return m

    def _connect(self, m):
        """The instruction goes to the legality check, to the engine and to what completes it."""
        common, operands = self._instruction.common, self._instruction.operands
        legality, completion = self._legality, self._completion
        m.d.comb += [
            self.fetch.payload.eq(self.pc),
            self.error_pc.eq(self.pc),
            self.command.payload.eq(self._instruction.command),
            legality.common.eq(common),
            legality.operands.eq(operands),
            legality.x.eq(self.x),
            legality.y.eq(self.y),
            legality.mesh.eq(self.mesh),
            completion.done.eq(self.done),
            completion.pc.eq(self.pc),
            completion.behind.eq(self.behind),
            self.executing.eq(completion.executing),
            completion.stop.eq(self.stop),
            *[completion.signals[name].eq(common[name]) for name in SIGNALS.members],
        ]
        wiring.connect(m, completion.signal, wiring.flipped(self.signal))

    def _fail(self, m, code):
        m.d.sync += self.error_code.eq(code)
        m.next = "error"

    def _proceed(self, m, target):
        m.d.sync += [self.pc.eq(target), self.instructions.eq(self.instructions + 1)]
        m.next = "request"

    def _fetch(self, m):
        with m.State("boot"):
            m.d.sync += self.pc.eq(self.entry)
            with m.If(self.run):
                m.next = "request"

        with m.State("request"):
            m.d.comb += [self.state.eq(QueueState.FETCH), self.fetch.valid.eq(~self.stop)]
            with m.If(self.fetch.valid & self.fetch.ready):
                m.next = "response"

        with m.State("response"):
            m.d.comb += self.state.eq(QueueState.FETCH)
            with m.If(self.fetch_valid):
                m.d.sync += self._instruction.bits.eq(self.fetch_data)
                with m.If(checksum(self.fetch_data) == CHECKSUM):
                    m.next = "decode"
                with m.Else():
                    self._fail(m, ErrorCode.BAD_CHECKSUM)

    def _decode(self, m):
        """Add one register a cycle; with none left, check, and go where the instruction belongs."""
        instruction, legality = self._instruction, self._legality
        common, is_engine = instruction.common, instruction.is_engine
        m.d.comb += self.state.eq(QueueState.FETCH)
        with m.If(self.stop):
            pass
        with m.Elif(~(is_engine | instruction.is_scalar)):
            self._fail(m, ErrorCode.ILLEGAL)
        with m.Elif(is_engine & instruction.pending.any()):
            self._registers.add(m)
        with m.Else():
            m.d.comb += [legality.engine.eq(is_engine), legality.scalar.eq(1)]
            must_drain = instruction.has_signals | (common.opcode == Opcode.HALT)
            with m.If(legality.code != ErrorCode.NONE):
                self._fail(m, legality.code)
            with m.Elif(common.wait0_count.any()):
                m.next = "wait0"
            with m.Elif(common.wait1_count.any()):
                m.next = "wait1"
            with m.Elif(is_engine):
                m.next = "issue"
            with m.Elif(must_drain & ~self._completion.empty):
                m.next = "drain"
            with m.Else():
                self._execute(m)

    def _execute(self, m):
        """Execute a scalar instruction."""
        instruction, registers = self._instruction, self._registers
        common, loops, complete = instruction.common, self._loops, self._complete
        with m.Switch(common.opcode):
            with m.Case(Opcode.HALT):
                # Comes back here without its signals once they are sent.
                m.d.sync += [common.sig0_on.eq(0), common.sig1_kind.eq(0)]
                with m.If(~loops.empty):
                    self._fail(m, ErrorCode.BAD_LOOP)
                with m.Elif(instruction.has_signals):
                    m.d.comb += complete.eq(1)
                    m.next = "drain"
                with m.Else():
                    m.d.sync += self.instructions.eq(self.instructions + 1)
                    m.next = "halted"
            with m.Case(Opcode.SYNC):
                m.d.comb += complete.eq(1)
                self._proceed(m, self.pc + 1)
            with m.Case(Opcode.LI, Opcode.ADD):
                m.d.comb += [complete.eq(1), registers.write.eq(instruction.scalar.rd.any())]
                self._proceed(m, self.pc + 1)
            with m.Case(Opcode.LOOP):
                with m.If(loops.full | ~registers.total.any()):
                    self._fail(m, ErrorCode.BAD_LOOP)
                with m.Else():
                    m.d.comb += [complete.eq(1), loops.enter.eq(1)]
                    self._proceed(m, self.pc + 1)
            with m.Case(Opcode.END):
                with m.If(loops.empty):
                    self._fail(m, ErrorCode.BAD_LOOP)
                with m.Else():
                    m.d.comb += [complete.eq(1), loops.body_end.eq(1)]
                    self._proceed(m, Mux(loops.again, loops.target, self.pc + 1))

    def _wait(self, m):
        common, is_engine = self._instruction.common, self._instruction.is_engine
        for name, other in (("wait0", "wait1"), ("wait1", None)):
            sem, count = common[f"{name}_sem"], common[f"{name}_count"]
            with m.State(name):
                m.d.comb += [
                    self.state.eq(QueueState[name.upper()]),
                    self.wait.valid.eq(~self.stop),
                    self.wait.payload.sem.eq(sem),
                    self.wait.payload.count.eq(count),
                ]
                with m.If(self.wait.valid & self.wait.ready):
                    m.d.sync += count.eq(0)
                    if other:
                        with m.If(common[f"{other}_count"].any()):
                            m.next = other
                    with m.Elif(is_engine) if other else m.If(is_engine):
                        m.next = "issue"
                    with m.Else():
                        m.next = "decode"

    def _hand_over(self, m):
        """To the engine, as soon as it may have one more; or wait until it has none."""
        with m.State("issue"):
            m.d.comb += [
                self.state.eq(QueueState.ENGINE),
                self.command.valid.eq(~self.stop & ~self._completion.full),
            ]
            with m.If(self.command.valid & self.command.ready):
                self._proceed(m, self.pc + 1)

        with m.State("drain"):
            m.d.comb += self.state.eq(QueueState.DRAIN)
            with m.If(self._completion.empty):
                m.next = "decode"

    def _probe(self, m):
        m.d.comb += [
            self.wait_sem.eq(self.wait.payload.sem),
            self.wait_count.eq(self.wait.payload.count),
        ]
        with m.If(~self.stop), m.Switch(self.state):
            with m.Case(QueueState.FETCH):
                m.d.sync += self.cycles_fetch.eq(self.cycles_fetch + 1)
            with m.Case(QueueState.WAIT0, QueueState.WAIT1):
                m.d.sync += self.cycles_wait.eq(self.cycles_wait + 1)
            with m.Case(QueueState.ENGINE, QueueState.DRAIN):
                m.d.sync += self.cycles_engine.eq(self.cycles_engine + 1)
