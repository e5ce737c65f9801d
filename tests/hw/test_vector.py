"""The vector engine in Amaranth's simulator: small cases of every kind, other shapes of tile, and
the cycles it takes.
"""

import numpy as np
import pytest

from hw.vector.engine import VectorEngine
from isa.instructions import Format, Opcode
from isa.machine import Tile
from isa.timing import vector_cycles
from tb.units.bench import access
from tb.units.vector_reference import execute, instructions, random_values
from tests.hw.simulation import simulation

TILE = Tile(
    matrix_rows=2, matrix_columns=4, vector_lanes=2, l1_bytes=16 << 10, l1_banks=2, link_bits=128
)
DEFAULTS = {
    "d": 400,
    "a": 100,
    "b": 700,
    "s": 900,
    "ldd": 20,
    "lda": 20,
    "m": 1,
    "n": 1,
    "imm": 0x3FB8AA3B,
    "fmt_a": 0,
    "fmt_d": 0,
    "mask": 0,
    "mask_rows": 0,
    "masked": 0,
    "with_b": 1,
    "with_s": 1,
}
LOG2E = 0x3FB8AA3B


def simulate(tile, memory, program, rng=None):
    """Run `program` on an L1 with the content `memory`, which it changes; return the cycles of each
    instruction.

    The L1 refuses half of the requests if there is an `rng`, else none. After each instruction its
    writes must be there.
    """
    shared = simulation(VectorEngine, tile=tile)
    dut, cycles = shared.dut, []
    word = tile.word_bytes

    async def bench(ctx):
        for opcode, fields in program:
            expected = memory.copy()
            execute(expected, tile, opcode, fields)
            ctx.set(dut.command.payload, {"opcode": int(opcode), **fields})
            ctx.set(dut.command.valid, 1)
            for cycle in range(5000):  # noqa: B007 (used after the loop)
                reads, writes = (rng is None or rng.random() < 0.5 for _ in range(2))
                ctx.set(dut.read.req.ready, reads)
                ctx.set(dut.write.req.ready, writes)
                answer = None
                if reads and ctx.get(dut.read.req.valid):
                    answer = access(memory, tile, ctx.get(dut.read.req.payload))
                    assert answer is not None, "the read port writes"
                if writes and ctx.get(dut.write.req.valid):
                    written = access(memory, tile, ctx.get(dut.write.req.payload))
                    assert written is None, "the write port reads"
                done = ctx.get(dut.done)
                await ctx.tick()
                ctx.set(dut.command.valid, 0)
                ctx.set(dut.read.rsp_valid, answer is not None)
                ctx.set(dut.read.rsp_data, answer or 0)
                if done:
                    break
            else:
                raise AssertionError(f"{opcode.name} {fields}: never done")
            cycles.append(cycle)
            wrong = np.flatnonzero(memory != expected)
            assert not len(wrong), (
                f"{opcode.name} {fields}: word {wrong[0] // word}, byte {wrong[0] % word}: "
                f"expected {expected[wrong[0] & ~3 :][:4].tobytes().hex()}, got "
                f"{memory[wrong[0] & ~3 :][:4].tobytes().hex()}"
            )

    shared.run(bench)
    return cycles


def filled(tile, rng):
    return np.frombuffer(random_values(rng, tile.l1_bytes // 4, Format.FP32), np.uint8).copy()


VECTOR_OPCODES = [opcode for opcode in Opcode if 0x20 <= opcode < 0x30]
STATISTICS = (Opcode.ROWMAX, Opcode.EXP)


@pytest.mark.parametrize("opcode", [Opcode.COPY, Opcode.EXP])
def test_formats(opcode):
    """Every pair of formats."""
    rng = np.random.default_rng(1)
    memory = np.frombuffer(rng.bytes(TILE.l1_bytes), np.uint8).copy()
    ordinary = filled(TILE, rng)
    memory[len(memory) // 2 :] = ordinary[len(memory) // 2 :]
    sizes = {"m": 2, "n": 5, "a": 600}
    pairs = [{"fmt_a": int(a), "fmt_d": int(d)} for a in Format for d in Format]
    simulate(TILE, memory, [(opcode, {**DEFAULTS, **sizes, **pair}) for pair in pairs])


@pytest.mark.parametrize("opcode", [Opcode.ADDV, Opcode.SCALE, Opcode.ROWMAX, Opcode.EXP])
def test_sizes(opcode):
    """Row lengths around chunks, words and lines; more rows than a line of statistics has
    room for.
    """
    tile = TILE.model_copy(update={"vector_lanes": 4, "l1_banks": 4})
    memory = filled(tile, np.random.default_rng(2))
    fields = {
        **DEFAULTS,
        "lda": 16,
        "ldd": 17,
        "b": 200,
        "fmt_a": int(Format.FP16),
        "fmt_d": int(Format.BF16),
    }
    sizes = [(1, 1), (3, 8), (2, 17), (1, 32), (2, 63), (1, 64), (35, 2)]
    simulate(tile, memory, [(opcode, {**fields, "m": m, "n": n}) for m, n in sizes])
    simulate(
        tile,
        memory,
        [(opcode, {**fields, "m": 2, "n": n, "fmt_a": 0, "fmt_d": 0}) for n in (4, 17, 64)],
    )


@pytest.mark.parametrize("opcode", STATISTICS)
def test_masks(opcode):
    """Masks before, in and behind the row, still and moving; rows without columns; with and without
    b and s.
    """
    memory = filled(TILE, np.random.default_rng(3))
    program = []
    for n in (0, 7):
        for mask in (-8192, -2, 0, 3, 7, 8191):
            for rows in (0, 1, 3):
                options = {
                    "mask": mask,
                    "mask_rows": rows,
                    "with_b": (mask ^ rows) & 1,
                    "with_s": ~(mask >> 1 ^ rows) & 1,
                }
                program.append(
                    (
                        opcode,
                        {
                            **DEFAULTS,
                            "n": n,
                            "m": 4,
                            "masked": 1,
                            "fmt_d": int(Format.FP16),
                            **options,
                        },
                    )
                )
    long = {
        "n": 3,
        "m": 270,
        "a": 0,
        "lda": 1,
        "d": 400,
        "ldd": 1,
        "masked": 1,
        "mask": -200,
        "mask_rows": 1,
    }
    program.append((opcode, {**DEFAULTS, **long}))
    simulate(TILE, memory, program)


def test_mask_is_for_statistics_only():
    memory = filled(TILE, np.random.default_rng(4))
    simulate(
        TILE,
        memory,
        [(opcode, {**DEFAULTS, "n": 5, "masked": 1, "mask": 1}) for opcode in VECTOR_OPCODES],
    )


def test_special_rows():
    """Rows of -infinity and NaN, and statistics that are: exp(-inf - b) is 0 even where b is -inf
    or NaN.
    """
    specials = np.array([-np.inf, np.nan, np.inf, 0.0, -0.0, 1e-42, 3e38], np.float32)
    rows = np.array([np.roll(specials, r) for r in range(7)])
    rows[0] = -np.inf
    program = []
    for opcode in VECTOR_OPCODES:
        for imm in (
            (LOG2E, 0, 0xBF800000, 0x7F800000, 0x7FC00001)
            if opcode in (Opcode.EXP, Opcode.EXPD)
            else (LOG2E,)
        ):
            program.append(
                (
                    opcode,
                    {
                        **DEFAULTS,
                        "n": 7,
                        "m": 7,
                        "lda": 2,
                        "ldd": 2,
                        "imm": imm,
                        "fmt_d": int(Format.FP16),
                    },
                )
            )
    memory = np.zeros(TILE.l1_bytes, np.uint8)
    for r, row in enumerate(rows):
        at = (DEFAULTS["a"] + 2 * r) * 16
        memory[at : at + 28] = np.frombuffer(row.tobytes(), np.uint8)
        at = (DEFAULTS["b"] + 2 * r) * 16
        memory[at : at + 28] = np.frombuffer(np.roll(row, 3).tobytes(), np.uint8)
    simulate(TILE, memory, program)


def test_in_place():
    """D over A, also where it is narrower; D over B; s over b."""
    rng = np.random.default_rng(5)
    memory = filled(TILE, rng)
    program = []
    for opcode in VECTOR_OPCODES:
        for fmt_a, fmt_d in (
            (Format.FP32, Format.FP32),
            (Format.FP32, Format.FP16),
            (Format.FP16, Format.E4M3),
        ):
            fields = {
                **DEFAULTS,
                "m": 3,
                "n": 11,
                "fmt_a": int(fmt_a),
                "fmt_d": int(fmt_d),
                "d": 100,
                "s": 700,
            }
            if opcode == Opcode.RECIP:
                fields["m"] = 1
            program.append((opcode, fields))
        program.append((opcode, {**DEFAULTS, "m": 1, "n": 11, "d": 700}))
    simulate(TILE, memory, program, rng)


@pytest.mark.parametrize(
    ("lanes", "banks", "bits"),
    [(1, 2, 128), (2, 1, 128), (4, 1, 128), (8, 2, 128), (8, 2, 256), (16, 8, 128)],
)
def test_other_tiles(lanes, banks, bits):
    """Random instructions, with an L1 that refuses, on tiles of other proportions."""
    rng = np.random.default_rng(lanes + banks)
    tile = TILE.model_copy(update={"vector_lanes": lanes, "l1_banks": banks, "link_bits": bits})
    memory = np.frombuffer(rng.bytes(tile.l1_bytes), np.uint8).copy()
    simulate(tile, memory, instructions(tile, memory, rng, 5), rng)


def test_cycles():
    """Cycles are the documented ones, whatever rows and chunks."""
    tile = TILE.model_copy(update={"vector_lanes": 4, "l1_banks": 2})
    memory = filled(tile, np.random.default_rng(6))
    program = []
    for opcode in VECTOR_OPCODES:
        for m, n in ((1, 1), (1, 40), (10, 7)):
            for flag in (0, 1) if opcode in STATISTICS else (0,):
                fields = {
                    "m": 1 if opcode == Opcode.RECIP else m,
                    "n": n,
                    "with_b": flag,
                    "with_s": flag,
                }
                program.append(
                    (
                        opcode,
                        {**DEFAULTS, "lda": 10, "ldd": 10, **fields, "fmt_d": int(Format.FP16)},
                    )
                )
    cycles = simulate(tile, memory, program)
    for (opcode, fields), seen in zip(program, cycles, strict=True):
        shape, flags = (
            (fields["m"], fields["n"]),
            {f: bool(fields[f]) for f in ("with_b", "with_s")},
        )
        assert seen == vector_cycles(tile, opcode, *shape, **flags), f"{opcode.name} {fields}"


def test_two_operand_rows_of_one_chunk():
    """Each takes two reads: 2 cycles a row."""
    memory = filled(TILE, np.random.default_rng(7))
    (cycles,) = simulate(
        TILE, memory, [(Opcode.ADDV, {**DEFAULTS, "m": 40, "n": 2, "lda": 1, "ldd": 1})]
    )
    assert cycles <= 2 * 40 + 8
