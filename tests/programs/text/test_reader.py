"""Program texts: what they mean, and one line with file and line for every mistake."""

import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isa.assembler import assemble
from isa.errors import UserError
from isa.formats import encode
from isa.instructions import Format, Opcode, Queue
from programs.text.reader import read_listing

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.s"))


def listing(tmp_path, text, **where):
    path = tmp_path / "program.s"
    path.write_text(text)
    return read_listing(path, **where)


def body(*lines):
    """A text whose out queue of tile (0,0) has these lines."""
    return "\n".join([".mesh 2x1", ".semaphore full 3", ".tile 0,0", ".queue out", *lines, "halt"])


def test_names_become_numbers(tmp_path):
    text = body("sync wait=full:2 signal=full+1 remote=full@x+1,y", "li rd=r1 imm=2*columns-1")
    assembled = ".queue out\nsync wait=3:2 signal=4 remote=3@1,0\nli rd=r1 imm=3\nhalt"
    assert listing(tmp_path, text).programs[0, 0] == assemble(assembled)


def test_a_constant_may_be_a_fraction(tmp_path):
    text = ".constant scale 0.25\n.tile 0,0\n.queue vector\nfill m=1 n=1 imm=scale\nhalt"
    fill = listing(tmp_path, text).programs[0, 0].queues[Queue.VECTOR][0]
    assert fill["imm"] == np.float32(0.25).view(np.uint32)


def test_sections_of_several_tiles_add_up(tmp_path):
    text = ".mesh 2x2\n.tile all\n.queue load\nhalt\n.tile 1,0:1,1 0,0\n.queue out\nsync\nhalt"
    read = listing(tmp_path, text)
    assert [len(read.programs[tile].queues[Queue.OUT]) for tile in read.tiles] == [2, 2, 1, 2]
    assert read.programs[0, 1].queues[Queue.MATRIX][0].opcode == Opcode.HALT


def test_machine_and_mesh_of_the_caller_win(tmp_path):
    text = ".machine tiny\n.mesh 2x1\n.tile 0,0\n.queue out\nhalt"
    assert listing(tmp_path, text).machine.name == "tiny"
    mesh = listing(tmp_path, text, machine="mesh8", mesh="3x2").machine.mesh
    assert (mesh.columns, mesh.rows) == (3, 2)


def test_messages_get_lines_labels_and_names(tmp_path):
    read = listing(tmp_path, body("sync", "here: sync"))
    said = read.named(
        "tile (0,0) queue out pc 5: waits for semaphore 3 >= 1; tile (0,0) out slot 4"
    )
    assert said == (
        f"tile (0,0) queue out ({read.path}:6 'here'): waits for semaphore full (3) >= 1; "
        f"tile (0,0) out ({read.path}:5)"
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("fp16 1 -2 0x3c00", [[1, -2, 1]]),
        ("fp16 2x2 1 2 3 4", [[1, 2], [3, 4]]),
        ("bf16 2x3 fill 1.5", [[1.5] * 3] * 2),
    ],
)
def test_contents(tmp_path, values, expected):
    block = listing(tmp_path, f".l1 0,0 0x10 {values}\n{body()}").contents[0]
    assert (block.bits == encode(np.float32(expected), block.fmt)).all()


def test_random_contents_come_from_their_seed(tmp_path):
    text = ".hbm west@0,0 4 e4m3 3x5 random 7\n" * 2 + ".hbm 0 9 e4m3 3x5 random 8\n" + body()
    one, same, other = listing(tmp_path, text).contents
    assert (one.bits == same.bits).all()
    assert (one.bits != other.bits).any()


def test_contents_from_a_file(tmp_path):
    words = np.arange(32, dtype=np.uint8)
    np.savez(tmp_path / "data.npz", words=words, numbers=np.float32([[1, 2], [3, 4]]))
    text = ".hbm 0 1 words file data.npz words\n.l1 0,0 0 fp16 file data.npz numbers\n" + body()
    read = listing(tmp_path, text)
    assert (read.hbm()[0][16:] == words).all()
    assert (read.contents[1].bits == encode(np.float32([[1, 2], [3, 4]]), Format.FP16)).all()


def test_contents_of_ml_dtypes_from_a_file(tmp_path):
    """As NumPy saves bfloat16: two bytes that it has no name for."""
    values = np.float32([[1, -2.5], [3, 1e30]])
    np.savez(tmp_path / "data.npz", x=encode(values, Format.BF16).view("V2"))
    text = "".join(
        f".l1 0,0 {at} {fmt} file data.npz x\n" for at, fmt in enumerate(("bf16", "fp16"))
    )
    bf16, fp16 = listing(tmp_path, text + body()).contents
    assert (bf16.bits == encode(values, Format.BF16)).all() and not bf16.rounding.infinity
    assert (fp16.bits == encode(values, Format.FP16)).all() and fp16.rounding.infinity == 1


WRONG = [
    (".machine mesh5\n", 1, "MACHINE must be one of tiny, mesh4"),
    (".mesh 2\n", 1, "MESH must be COLUMNSxROWS"),
    (".mesh 2x1\n.mesh 2x1\n", 2, ".mesh must appear once"),
    ("", 0, "nothing to run"),
    (".tiles 0,0", 1, "unknown directive '.tiles': did you mean '.tile'?"),
    (".mesh 2x1\n.tile 2,0", 2, "2,0 must be in the 2x1 mesh, 0,0 to 1,0"),
    (".tile 0", 1, "must be a tile X,Y"),
    (".queue out", 1, ".queue must come after .tile"),
    (".tile 0,0\n.queue up", 2, ".queue must be followed by one of matrix, vector, load, out"),
    (body("stor"), 5, "unknown mnemonic 'stor': did you mean 'store'?"),
    (body("sync wait=ful:1"), 5, "wait=ful:1: unknown name 'ful': did you mean 'full'?"),
    (body("sync wiat=1:1"), 5, "no such field here"),
    (body("put rows=5000"), 5, "field rows must be from 0 to 4095, not 5000"),
    (body("sync wait=full"), 5, "wait=full: must look like"),
    (body("sync signal=full+40"), 5, "signal=full+40: SYNC field sig0_sem must be from 0 to 31"),
    (body("sync signal=1,full+30"), 5, "signal=1,full+30: SYNC field sig1_sem must be"),
    (body("put rect=0,0:columns*50,0"), 5, "rect=0,0:columns*50,0: PUT field x1 must be"),
    (".semaphore full 32", 1, "semaphore full must be from 0 to 31"),
    (".semaphore full 1\n.semaphore back 1", 2, "semaphore 1 is already 'full' in line 1"),
    (".tag K 256", 1, "tag K must be from 0 to 255"),
    (".address A 0x80000", 1, "address A must be from 0 to 524287"),
    (body("sync wait=3"), 5, "must look like 3:1 or 3:1,4:2"),
    (body("a: sync", "a: sync"), 6, "label 'a' is already in line 5"),
    (body("1a: sync"), 5, "label '1a' is none"),
    (body("loop imm=2"), 6, "halt inside the loop of line 5"),
    (body("loop imm=2000000", "end"), 5, "must not execute more than 1,000,000"),
    (body("loop", "end"), 5, "a loop must run at least once"),
    (body("put rows=1 words=1 rect=0,0:2,0"), 5, "rectangle"),
    (body("store rows=1 words=1 target=1,0 edge=west"), 5, "no HBM channel at the west port"),
    (body("reduce rows=1 words=1 rect=0,0:1,0"), 5, "its member tile (1,0) does not"),
    (body(*["sync"] * 600), 605, "must be at most 512"),
    (".semaphore full 3\n.address full 4", 2, "'full' is already defined in line 1"),
    (".semaphore fp16 3", 1, "cannot be a name"),
    (".semaphore full", 1, "must be followed by a name and a number"),
    (".address A zero", 1, "unknown name 'zero'"),
    (".address A 1.5", 1, "must be a whole number"),
    (".l1 0,0 0x1000 fp16 1", 1, "words 0x1000 to 0x1000 must be in the L1, 0x0 to 0xfff"),
    (".expect l1 0,0 0xfff fp16 2x1 1 1", 1, "words 0xfff to 0x1000 must be in the L1"),
    (".l1 0,0 0 fp17 1", 1, "unknown format 'fp17'"),
    (".l1 0,0 0 fp16 one", 1, "'one' must be a number"),
    (".l1 0,0 0 fp16 0x12345", 1, "must fit into 16 bits"),
    (".l1 0,0 0 fp16 2x2 1 2 3", 1, "must be 2x2 = 4 values, not 3"),
    (".l1 0,0 0 fp16", 1, "values are missing"),
    (".l1 0,0 0 fp16 random 1", 1, "needs ROWSxCOLUMNS"),
    (".l1 0,0 0 fp16 2x9 pitch=1 fill 1", 1, "pitch must be at least a row's 2 words, not 1"),
    (".hbm west@9,9 0 fp16 1", 1, "no HBM channel 'west@9,9'"),
    (".hbm 99 0 fp16 1", 1, "no HBM channel '99'"),
    (".hbm 0 0 fp16 file none.npz a", 1, "No such file"),
    (".hbm 0 0 fp16 file none.npz", 1, "file must be followed by"),
    (".hbm 0 0 words 12", 1, "must be a word in hexadecimal"),
    (".show l1 0,0 0 fp16", 1, "with ROWSxCOLUMNS"),
    (".expect semaphore 0,0 40 1", 1, "semaphore 40 must be from 0 to 31"),
    (".expect here", 1, "must be followed by l1 or hbm"),
]


@pytest.mark.parametrize(("text", "line", "what"), WRONG, ids=range(len(WRONG)))
def test_a_mistake_is_one_line(tmp_path, text, line, what):
    with pytest.raises(UserError) as caught:
        listing(tmp_path, text)
    said = str(caught.value)
    assert "\n" not in said
    assert what in said
    assert said.startswith(f"{tmp_path / 'program.s'}:{f'{line}:' if line else ''}")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_is_none(tmp_path, content):
    path = tmp_path / "program.s"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"^PROGRAM .*program\.s: "):
        read_listing(path)
    with pytest.raises(UserError, match="Is a directory"):
        read_listing(tmp_path)


def mutated(text: str, seed: int) -> str:
    """The text with a few words or characters changed, lost, doubled or moved."""
    rng = random.Random(seed)
    words = re.split(r"(\s+|[=:,@])", text)
    for _ in range(rng.randint(1, 4)):
        at, other = rng.randrange(len(words)), rng.choice(words)
        odd = rng.choice(["", "0x", "-1", "99999", "1e9", "nan", "é", ":", "=", ".", "x*x", "\0"])
        odd = rng.choice([odd, str(rng.choice([0, 1, 7, 63, 64, 1023, 4095, 65535, 1 << 31]))])
        words[at] = rng.choice([other, "", words[at] * 2, odd, words[at][:-1], words[at] + odd])
    return "".join(words)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(EXAMPLES), st.integers(0, 1 << 30))
def test_whatever_is_written_is_read_or_refused_in_one_line(tmp_path, path, seed):
    try:
        listing(tmp_path, mutated(path.read_text(), seed))
    except UserError as error:
        assert "\n" not in str(error)
        assert "program.s:" in str(error)
