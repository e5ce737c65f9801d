"""What the compiler refuses, in one line each; and that what it lets pass cannot hang, played with
tokens in small queues.
"""

import random
from types import SimpleNamespace

import numpy as np
import pytest

from hw.network.route import reduction_node
from isa.assembler import assemble
from isa.errors import UserError
from isa.geometry import Rectangle
from isa.machine import load_machine
from isa.packets import Port
from isa.routes import reduction_tree
from programs.common.check import check_programs
from tests.programs.common.tokens import Tokens

ROW = "rect=0,0:1,0 target=1,0 rows=1 words=4 fmt=fp32"
TILES = [(0, 0), (1, 0), (0, 1), (1, 1)]


def check(out, *, load=None, mesh="2x2"):
    """Check programs given as text: the OUT queues, and LOAD queues, by tile."""
    machine = load_machine("mesh4", mesh)
    queues = {
        tile: {"out": out.get(tile, ""), "load": (load or {}).get(tile, "")}
        for tile in {*out, *(load or {})}
    }
    texts = {
        t: "".join(f".queue {name}\n{code}\nhalt\n" for name, code in qs.items())
        for t, qs in queues.items()
    }
    check_programs(machine, {tile: assemble(text) for tile, text in texts.items()})


def refused(says, out, **more):
    with pytest.raises(UserError, match=says) as error:
        check(out, **more)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            "put rect=1,0:2,0 rows=1 words=1 tag=9",
            r"\(PUT tag 9\): rectangle \(1,0\)\.\.\(2,0\) leaves the 2x2 mesh$",
        ),
        ("put rect=0,0:0,2 rows=1 words=1", r"rectangle \(0,0\)\.\.\(0,2\) leaves the 2x2 mesh$"),
        (
            "put rect=1,0:0,0 rows=1 words=1",
            r"rectangle \(1,0\)\.\.\(0,0\) is empty: x0 must not be above x1, nor y0 above y1$",
        ),
        (
            "reduce rect=1,1:1,0 rows=1 words=1",
            r"\(REDUCE tag 0\): rectangle \(1,1\)\.\.\(1,0\) is empty",
        ),
        ("reduce rect=1,0:1,1 target=0,2 rows=1 words=1", r"root \(0,2\) is outside the 2x2 mesh$"),
        (
            "reduce rect=0,0:0,1 rows=1 words=1",
            r"tile \(1,0\) is no member of \(0,0\)\.\.\(0,1\): the members, and nobody else,",
        ),
        (
            "reduce rect=1,0:1,1 target=1,0 rows=1 words=1 fmt=7",
            r"format 7 must be one that this machine reduces in \(mesh.reduce_formats\): "
            "fp32, fp16, bf16$",
        ),
        (
            "reduce rect=1,0:1,1 target=1,0 rows=1 words=1 fmt=e4m3",
            r"format e4m3 must be one that this machine reduces in",
        ),
        (
            "store target=1,0 edge=west rows=1 words=1",
            r"\(STORE tag 0\): no HBM channel at the west port of tile \(1,0\)$",
        ),
        ("sync remote=3@2,1", r"\(SYNC\): signals tile \(2,1\), outside the 2x2 mesh$"),
    ],
)
def test_an_instruction_that_is_wrong_alone(code, says):
    # The header, three queues that only halt, a SYNC: slot 5, as the machine's own errors count.
    refused(r"^tile \(1,0\), queue out, instruction slot 5 .*" + says, {(1, 0): f"sync\n{code}"})


def test_a_load_that_is_wrong_alone():
    code = "load rect=0,0:0,2 target=0,0 edge=west rows=1 words=1 tag=5"
    refused(
        r"^tile \(0,1\), queue load, instruction slot 3 \(LOAD tag 5\): rectangle .* leaves",
        {},
        load={(0, 1): code},
    )
    code = "load rect=0,0:0,0 target=0,0 edge=east rows=1 words=1"
    refused(r"no HBM channel at the east port of tile \(0,0\)", {}, load={(0, 1): code})


def test_what_is_right_passes():
    both = f"reduce {ROW} tag=8 op=max turn bump sem=3"
    check({(0, 0): both, (1, 0): both})
    for fmt in load_machine("mesh4").mesh.formats:
        code = both.replace("fp32", fmt.name.lower())
        check({(0, 0): code, (1, 0): code})
    # Pitches of single rows and where the words come from are each member's own business.
    check({(0, 0): both, (1, 0): both + " remote_pitch=3 local=64"})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("tag=8", "tag=9"), r"tag is 8 \(tag 8, queue out, slot 4\) and 9 \(tag 9, slot 4\)$"),
        (
            ("target=1,0", "target=0,0"),
            r"root is \(1,0\) \(tag 8, queue out, slot 4\) and \(0,0\) \(tag 8, slot 4\)$",
        ),
        (("op=max", "op=sum"), "op is max .* and sum "),
        (("fmt=fp32", "fmt=bf16"), "fmt is fp32 .* and bf16 "),
        (("words=4", "words=5"), "words is 4 .* and 5 "),
        (("rows=1", "rows=2"), "rows is 1 .* and 2 "),
        (("remote=0x40", "remote=0x48"), "remote is 64 .* and 72 "),
        (("bump", ""), "bump is 1 .* and 0 "),
        (("sem=3", "sem=4"), "sem is 3 .* and 4 "),
        (("turn", ""), "turn is 1 .* and 0 "),
    ],
)
def test_members_that_disagree(change, says):
    code = f"reduce {ROW} remote=0x40 tag=8 op=max turn bump sem=3"
    refused(
        r"^tiles \(0,0\) and \(1,0\) disagree on reduction 0 over \(0,0\)\.\.\(1,0\): " + says,
        {(0, 0): code, (1, 0): code.replace(*change)},
    )


def test_a_loop_that_walks_another_way():
    loop = f"loop imm=3\nreduce {ROW} tag=8 remote=0x40+r1\nadd rd=r1 rs=r1 imm={{}}\nend"
    check({(0, 0): loop.format(4), (1, 0): loop.format(4)})
    refused(
        r"reduction 1 over .*: remote is 68 \(tag 8, queue out, slot 5\) and 72 \(tag 8, slot 5\)",
        {(0, 0): loop.format(4), (1, 0): loop.format(8)},
    )


def test_a_member_that_does_not_take_part():
    code = f"reduce {ROW} tag=8"
    says = (
        r"^tile \(0,0\) issues a reduction with tag 8 over \(0,0\)\.\.\(1,0\) to \(1,0\) "
        r"\(queue out, slot {}\) that its member "
        r"tile \(1,0\) does not issue: all of \(0,0\)\.\.\(1,0\) must$"
    )
    refused(says.format(4), {(0, 0): code})
    refused(says.format(5), {(0, 0): f"{code}\n{code}", (1, 0): code})
    refused(
        r"^tile \(1,0\) issues .* that its member tile \(0,0\) does not",
        {(0, 0): code, (1, 0): f"{code}\n{code}"},
    )


def test_members_that_disagree_on_who_they_are():
    row, all_ = f"reduce {ROW} tag=8", "reduce rect=0,0:1,1 target=1,0 rows=1 words=4 tag=8"
    refused("does not issue: all of", {(0, 0): row, (1, 0): all_, (0, 1): all_, (1, 1): all_})


def test_contradicting_orders():
    row = "reduce rect=0,{0}:1,{0} target=0,{0} rows=1 words=4 tag={0}"
    column = "reduce rect={0},0:{0},1 target={0},0 rows=1 words=4 tag=1{0}"
    rows, columns = [row.format(y) for y in (0, 1)], [column.format(x) for x in (0, 1)]
    check({(x, y): f"{rows[y]}\n{columns[x]}" for x, y in TILES})
    out = {
        (x, y): f"{rows[y]}\n{columns[x]}" if x == y else f"{columns[x]}\n{rows[y]}"
        for x, y in TILES
    }
    refused(
        r"^tiles issue reductions in conflicting orders: "
        r"(tag \d+ over \S+ to \S+ before tag \d+ over \S+ to \S+ at tile \(\d,\d\)(, |$)){4}$",
        out,
    )


CROSSING = ["rect=0,0:1,0 target=1,2", "rect=0,1:1,1 target=1,2"]
"""Two rows that send to one root outside both: their flits come to its row by two columns, in an
order that nobody keeps.
"""


def crossing():
    return {(x, y): f"reduce {CROSSING[y]} rows=1 words=8 tag={y}" for x, y in TILES}


def test_reductions_that_meet_on_a_link_only():
    refused(
        r"^the reductions tag 0 over \(0,0\)\.\.\(1,0\) to \(1,2\) "
        r"\(tile \(0,0\), queue out, slot 4\) and tag 1 over \S+ to \(1,2\) "
        r"\(tile \(0,1\), queue out, slot 4\) meet on the link from router \(\d,1\) to the north "
        "and come from no common queue, so that nothing keeps their order: "
        "put their roots inside their rectangles$",
        crossing(),
        mesh="2x3",
    )
    # The router of the root delivers in any order.
    check(
        {
            (0, 0): "reduce rect=0,0:0,0 target=1,0 rows=1 words=1",
            (2, 0): "reduce rect=2,0:2,0 target=1,0 rows=1 words=1 tag=1",
        },
        mesh="3x1",
    )


def test_a_tag_for_two():
    row = "reduce rect=0,0:1,0 target=1,0 rows=1 words=4 tag=7"
    column = "reduce rect=1,0:1,1 target=1,0 rows=1 words=4 tag=7"
    out = {(0, 0): row, (1, 0): f"{row}\n{column}", (1, 1): column}
    refused(
        r"^one tag for different reductions that meet in router \(1,0\), fp32 sum tag 7 "
        r"over \(0,0\)\.\.\(1,0\) to \(1,0\) \(tile \(0,0\), queue out, slot 4\) and fp32 sum "
        r"tag 7 over \(1,0\)\.\.\(1,1\) to \(1,0\) \(tile \(1,0\), queue out, slot 5\): "
        "give them tags of their own$",
        out,
    )
    check(out | {(1, 1): column.replace("7", "8"), (1, 0): f"{row}\n{column.replace('7', '8')}"})
    twice = f"{row}\n{row} op=max"
    refused("fp32 sum tag 7 .* and fp32 max tag 7 ", {(0, 0): twice, (1, 0): twice})
    check({(0, 0): f"{row}\n{row} remote=64", (1, 0): f"{row}\n{row} remote=64"})
    # In different rows they never meet.
    check({(x, y): f"reduce rect=0,{y}:1,{y} target=1,{y} rows=1 words=4 tag=7" for x, y in TILES})


def test_the_tree_is_the_hardwares():
    rng = np.random.default_rng(1)
    for _ in range(300):
        (x0, x1), (y0, y1) = np.sort(rng.integers(0, 5, (2, 2)))
        members, root = Rectangle(x0, y0, x1, y1), tuple(rng.integers(0, 5, 2))
        flit = SimpleNamespace(**members._asdict(), root_x=root[0], root_y=root[1])
        for (x, y), (joined, out) in reduction_tree(members, root).items():
            ins, outs = reduction_node(flit, np.int64(x), np.int64(y))
            assert tuple(port for port in Port if ins[port]) == joined
            assert [port for port in Port if outs[port]] == [out]


def test_two_that_meet_on_a_link_only_can_hang():
    """So the rule is no pedantry: both tiles' programs are in order, and the network stops."""
    reductions = [(Rectangle(0, y, 1, y), (1, 2)) for y in range(2)]
    orders = {(x, y): [y] for x, y in TILES}
    assert any(Tokens(orders, reductions, 8, 2).run(random.Random(seed)) for seed in range(40))


def test_contradicting_orders_hang():
    reductions = [(Rectangle(0, 0, 1, 0), (0, 0))] * 2
    assert all(
        Tokens({(0, 0): [0, 1], (1, 0): [1, 0]}, reductions, 1, 2).run(random.Random(seed))
        for seed in range(10)
    )


@pytest.mark.parametrize("inside", [True, False])
def test_what_passes_never_hangs(inside):
    """Random sets of reductions of all shapes, roots inside or anywhere, in one order: whatever the
    speed of each router.
    """
    rng = random.Random(7 + inside)
    mesh, refusals = "3x3", 0
    for seed in range(20):
        reductions, programs = [], {}
        while len(reductions) < 7:
            (x0, x1), (y0, y1) = (sorted(rng.choices(range(3), k=2)) for _ in range(2))
            root = (
                (rng.randint(x0, x1), rng.randint(y0, y1))
                if inside
                else (rng.randrange(3), rng.randrange(3))
            )
            members = Rectangle(x0, y0, x1, y1)
            code = (
                f"reduce rect={x0},{y0}:{x1},{y1} target={root[0]},{root[1]} rows=1 words=5 "
                f"tag={len(reductions)}\n"
            )
            trial = {
                tile: programs.get(tile, "") + code * (tile in members)
                for tile in {*programs, *members.tiles()}
            }
            try:
                check(trial, mesh=mesh)
            except UserError as error:
                assert "come from no common queue" in str(error) and not inside
                refusals += 1
                continue
            reductions.append((members, root))
            programs = trial
        orders = {
            tile: [n for n, (members, _) in enumerate(reductions) if tile in members]
            for tile in programs
        }
        for _ in range(3):
            assert not Tokens(orders, reductions, 5, 2).run(rng), (seed, reductions)
    assert (refusals > 0) != inside
