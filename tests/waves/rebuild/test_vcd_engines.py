"""What a VCD shows of the engines becomes their instructions, states, waits and stalls."""

from isa.instructions import Opcode, Queue
from isa.status import QueueState

MATRIX, VECTOR, LOAD, OUT = (f"tile_0_0.{queue.name.lower()}" for queue in Queue)


def test_instructions_states_and_waits(recorded):
    recording = recorded(
        [
            {f"{OUT}.state": QueueState.BOOT},
            {f"{OUT}.state": QueueState.WAIT0, f"{OUT}.wait_sem": 3},
            {},
            {f"{OUT}.state": QueueState.WAIT1, f"{OUT}.wait_sem": 4},
            {
                f"{OUT}.state": QueueState.ENGINE,
                f"{OUT}.issue": 1,
                f"{OUT}.opcode": Opcode.PUT,
                f"{OUT}.slot": 12,
                f"{OUT}.tag": 200,
                f"{OUT}.rows": 4095,
                f"{OUT}.words": 2,
            },
            {
                f"{OUT}.state": QueueState.FETCH,
                f"{OUT}.issue": 0,
                f"{OUT}.stall": 1,
                "tile_0_0.l1.waits": 0b000100,
            },
            {f"{OUT}.stall": 0, "tile_0_0.l1.waits": 0b111011, f"{OUT}.done": 1},
            {
                f"{OUT}.done": 0,
                f"{OUT}.issue": 1,
                f"{OUT}.opcode": Opcode.REDUCE,
                f"{OUT}.slot": 13,
            },
            {f"{OUT}.issue": 0},
        ]
    )
    engine = recording.engines[(0, 0), Queue.OUT]
    assert engine.executed.tolist() == [
        (4, 6, Opcode.PUT, 12, 200, 4095, 2),
        (7, -1, Opcode.REDUCE, 13, 200, 4095, 2),
    ]
    assert engine.states.tolist() == [
        (0, 1, 0),
        (1, 3, QueueState.WAIT0),
        (3, 4, QueueState.WAIT1),
        (4, 5, QueueState.ENGINE),
        (5, 9, QueueState.FETCH),
    ]
    assert engine.waits.tolist() == [(1, 3, 3), (3, 4, 4)]
    assert engine.stalls.keys() == {"network", "l1"}
    assert engine.stalls["network"].tolist() == [(5, 6, 1)] and engine.stalls["l1"].tolist() == [
        (5, 6, 1)
    ]
    other = recording.engines[(0, 0), Queue.VECTOR].stalls
    assert other.keys() == {"l1"} and other["l1"].tolist() == [(6, 9, 1)]


def test_several_instructions_in_the_matrix_queue(recorded):
    def event(**signals):
        return {f"{MATRIX}.issue": 0, f"{MATRIX}.done": 0} | {
            f"{MATRIX}.{name}": value for name, value in signals.items()
        }

    recording = recorded(
        [
            event(issue=1, opcode=Opcode.MATMUL, slot=1),
            event(issue=1, slot=2),
            event(active=1),
            event(done=1, operand_stall=1),
            event(issue=1, done=1, slot=3, drain_stall=1, operand_stall=0),
            event(done=1, drain_stall=0),
            event(active=0),
        ]
    )
    engine = recording.engines[(0, 0), Queue.MATRIX]
    assert [(row["issued"], row["done"], row["slot"]) for row in engine.executed] == [
        (0, 3, 1),
        (1, 4, 2),
        (4, 5, 3),
    ]
    assert engine.active.tolist() == [(2, 6, 1)]
    assert {cause: found.tolist() for cause, found in engine.stalls.items()} == {
        "operand": [(3, 4, 1)],
        "drain": [(4, 5, 1)],
        "l1": [],
    }


def test_instructions_under_way_when_the_window_begins(recorded):
    run = {
        f"{MATRIX}.state": QueueState.FETCH,
        f"{VECTOR}.state": QueueState.FETCH,
        f"{LOAD}.state": QueueState.FETCH,
    }
    recording = recorded(
        [
            run
            | {
                f"{MATRIX}.opcode": Opcode.MATMUL,
                f"{MATRIX}.slot": 9,
                f"{MATRIX}.done": 1,
                f"{VECTOR}.issue": 1,
                f"{VECTOR}.slot": 5,
                f"{VECTOR}.opcode": Opcode.EXP,
                f"{VECTOR}.done": 1,
                f"{LOAD}.slot": 2,
            },
            {
                f"{MATRIX}.issue": 1,
                f"{MATRIX}.slot": 10,
                f"{VECTOR}.issue": 0,
                f"{VECTOR}.done": 0,
                f"{LOAD}.done": 1,
            },
            {f"{MATRIX}.issue": 0, f"{MATRIX}.done": 0, f"{LOAD}.done": 0},
            {f"{MATRIX}.done": 1},
        ]
    )
    executed = {queue: recording.engines[(0, 0), queue].executed.tolist() for queue in Queue}
    assert [row[:4] for row in executed[Queue.MATRIX]] == [
        (-1, 0, Opcode.MATMUL, -1),
        (-1, 1, Opcode.MATMUL, 9),
        (1, 3, Opcode.MATMUL, 10),
    ]
    assert [row[:4] for row in executed[Queue.VECTOR]] == [(-1, 0, -1, -1), (0, -1, Opcode.EXP, 5)]
    assert [row[:4] for row in executed[Queue.LOAD]] == [(-1, 1, Opcode.LOAD, 2)]


def test_a_drain_tells_how_many_are_under_way(recorded):
    """Without it, the first would be taken for the one that was issued before it was done."""
    state, issue, done = (f"{MATRIX}.{name}" for name in ("state", "issue", "done"))
    recording = recorded(
        [
            {state: QueueState.ENGINE, issue: 1},
            {state: QueueState.DRAIN, issue: 0, done: 1},
            {},
            {done: 0, state: QueueState.FETCH},
        ]
    )
    assert [row[:2] for row in recording.engines[(0, 0), Queue.MATRIX].executed.tolist()] == [
        (-1, 1),
        (0, 2),
    ]


def test_work_tells_that_an_instruction_is_under_way(recorded):
    """Without it, the second would be taken for one that took a single cycle."""
    state, issue, done, active = (
        f"{MATRIX}.{name}" for name in ("state", "issue", "done", "active")
    )
    recording = recorded(
        [
            {state: QueueState.FETCH, active: 1, issue: 1},
            {issue: 0, done: 1},
            {done: 0},
            {issue: 1},
            {issue: 0, done: 1},
            {done: 0},
        ]
    )
    executed = recording.engines[(0, 0), Queue.MATRIX].executed.tolist()
    assert [row[:2] for row in executed] == [(-1, 1), (0, 4), (3, -1)]
