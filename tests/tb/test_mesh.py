"""The RTL mesh stops with one line that names the culprit; every program here is a few instructions
on the 2x2 machine.
"""

import numpy as np
import pytest

from isa.errors import UserError
from isa.instructions import BITS, CHECKSUM
from isa.machine import MACHINES
from tb.mesh import RunFailure, Settings, simulate
from tests.tb.images import image

TINY = MACHINES["tiny"]


def run(special: list[int], *, at=(1, 0), watchdog=2000):
    images = {tile: image() for tile in [(0, 0), (1, 0), (0, 1), (1, 1)]}
    images[at] = special
    hbm = [np.zeros(64 * 16, np.uint8) for _ in TINY.channels]
    return simulate(TINY, images, hbm, dump=(0, 63), settings=Settings(watchdog=watchdog))


def reseal(word: int) -> int:
    """Give a tampered instruction a good checksum again."""
    word &= ~(0xFF << 8)
    fold = 0
    for byte in word.to_bytes(BITS // 8, "little"):
        fold ^= byte
    return word | (fold ^ CHECKSUM) << 8


def test_idle_programs_finish():
    seen = run(image())
    assert seen.cycles < 100
    assert seen.words_read == [0] * len(TINY.channels)


@pytest.mark.parametrize("bit", [0, 13, 77, 255])
def test_a_flipped_bit_in_an_instruction(bit):
    words = image(vector="sync\nsync\nhalt")
    slot = 1 + 1 + 1  # header, matrix halt, first vector sync
    words[slot] ^= 1 << bit
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,0\) stopped in cycle \d+: BAD_CHECKSUM, "
        f"queue vector, instruction slot {slot},",
    ):
        run(words)


def test_a_flipped_bit_in_the_header():
    words = image()
    words[0] ^= 1 << 70
    with pytest.raises(RunFailure, match=r"^tile \(0,1\) stopped in cycle 0: BAD_HEADER"):
        run(words, at=(0, 1))


def test_an_unknown_opcode():
    words = image(out="sync\nhalt")
    words[4] = reseal(words[4] & ~0xFF | 0x7B)
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,1\) stopped in cycle \d+: ILLEGAL, queue out, instruction slot 4,",
    ):
        run(words, at=(1, 1))


def test_a_semaphore_that_never_comes():
    with pytest.raises(
        RunFailure,
        match=r"^hung: .*tile \(1,0\) load slot \d+ waits for semaphore 5 >= 2, it is 1$",
    ):
        run(image(load="sync signal=5\nsync wait=5:2\nhalt"), watchdog=500)


def test_a_read_beyond_the_l1():
    words = image(vector="fill d=4000 ldd=64 m=8 n=4 fmt_d=fp32\nhalt")
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,0\) stopped in cycle \d+: ADDRESS, queue vector, instruction slot 2,",
    ):
        run(words)


def test_a_put_beyond_the_receivers_l1():
    words = image(out="put local=0 remote=0xffe rows=1 words=4 x0=1 x1=1 y0=1 y1=1\nhalt")
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,1\) stopped in cycle \d+: REMOTE_ADDRESS, arriving flits, detail 0x1000",
    ):
        run(words)


def test_a_semaphore_that_overflows():
    words = image(load="loop imm=300\nsync signal=9\nend\nhalt")
    with pytest.raises(
        RunFailure, match=r"^tile \(1,0\) stopped in cycle \d+: SEMAPHORE_OVERFLOW, .*detail 0x9"
    ):
        run(words)


def test_a_rectangle_outside_the_mesh():
    words = image(out="put local=0 remote=0 rows=1 words=1 x0=1 x1=2 y0=0 y1=0\nhalt")
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,0\) stopped in cycle \d+: RECTANGLE, queue out, instruction slot 4,",
    ):
        run(words)


def test_a_reduction_that_members_disagree_on():
    def member(tag: int) -> list[int]:
        return image(
            out=(
                "reduce local=0 remote=16 rows=1 words=4 x0=0 x1=1 y0=0 y1=0 target_x=1 fmt=fp32 "
                f"tag={tag}\nhalt"
            )
        )

    images = {(0, 0): member(3), (1, 0): member(4), (0, 1): image(), (1, 1): image()}
    hbm = [np.zeros(16, np.uint8) for _ in TINY.channels]
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,0\) stopped in cycle \d+: REDUCE_MISMATCH, arriving flits, tag [34]",
    ):
        simulate(TINY, images, hbm, dump=(0, 0), settings=Settings(watchdog=1000))


def test_a_reduction_that_a_member_leaves_out():
    """All queues have halted, and yet the run does not count as finished."""
    reduce = (
        "reduce local=0 remote=16 rows=1 words=4 x0=0 x1=1 y0=0 y1=0 target_x=1 fmt=fp32 tag=9\n"
        "halt"
    )
    images = {tile: image() for tile in [(0, 0), (1, 0), (0, 1), (1, 1)]} | {
        (0, 0): image(out=reduce)
    }
    hbm = [np.zeros(16, np.uint8) for _ in TINY.channels]
    with pytest.raises(
        RunFailure,
        match=r"^tile \(1,0\) stopped in cycle \d+: REDUCE_INCOMPLETE, arriving flits, tag 9$",
    ) as caught:
        simulate(TINY, images, hbm, dump=(0, 0))
    assert int(str(caught.value).split("cycle ")[1].split(":")[0]) < 1000


def test_images_and_data_that_do_not_fit():
    images = {tile: image() for tile in [(0, 0), (1, 0), (0, 1), (1, 1)]}
    small = TINY.model_copy(update={"hbm": TINY.hbm.model_copy(update={"channel_bytes": 4096})})
    with pytest.raises(UserError, match=r"^HBM channel 0 needs \d+ words of 16 B, it has 256$"):
        simulate(small, images, [np.zeros(4096, np.uint8)] * 4, dump=(0, 0))
    long = image(load="sync\n" * 600 + "halt")
    with pytest.raises(
        UserError,
        match=r"^the program needs 60\d instruction slots, the tile has program_instructions=512$",
    ):
        simulate(TINY, dict.fromkeys(images, long), [np.zeros(16, np.uint8)] * 4, dump=(0, 0))
