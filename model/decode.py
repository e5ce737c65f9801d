"""Program images of all tiles, as the tables of the core."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isa.geometry import Rectangle, TileXY
from isa.instructions import EdgePort, Format, Kind, Opcode, Queue, ReduceOp
from isa.machine import Machine
from model.costs import work_columns
from model.engine.tables import COLUMNS, Collectives, Paths, TaskColumn, TaskKind, TaskTable
from model.fields import InstructionFields, Numbers, Words, words_of
from model.routes import Links, ReduceTree, collectives, data_path, paths_of, request_path

__all__ = ["CoreInput", "decode"]

_SCALAR = {
    Opcode.HALT: TaskKind.HALT,
    Opcode.SYNC: TaskKind.SYNC,
    Opcode.LI: TaskKind.LI,
    Opcode.ADD: TaskKind.ADD,
    Opcode.LOOP: TaskKind.LOOP,
    Opcode.END: TaskKind.END,
}
_MOVES = {
    Opcode.LOAD: TaskKind.READ,
    Opcode.STORE: TaskKind.WRITE,
    Opcode.PUT: TaskKind.PUT,
    Opcode.REDUCE: TaskKind.REDUCE,
}
_NARROW = (Format.E4M3, Format.E5M2)
_EDGES = {"west": EdgePort.WEST, "east": EdgePort.EAST, "south": EdgePort.SOUTH}
_EDGES["north"] = EdgePort.NORTH


class CoreInput(NamedTuple):
    """What the core runs."""

    code: TaskTable
    paths: Paths
    joins: Collectives


def decode(machine: Machine, images: Mapping[TileXY, Sequence[int]]) -> CoreInput:
    """Read the images of all tiles, 256-bit words."""
    tiles, counts, words = words_of(machine, images)
    starts = np.cumsum(counts) - counts
    heads = words[starts]
    entries = (heads[:, 1] >> np.uint64(32)).astype(np.int64) | (
        heads[:, 2].astype(np.int64) & 0xFFFFFFFF
    ) << 32
    entry = np.stack([starts + (entries >> 16 * q & 0xFFFF) for q in Queue], axis=1)
    tile_of = np.repeat([machine.tile_index(*tile) for tile in tiles], counts)
    return _Tables(machine, words, tile_of).decoded(entry.reshape(-1).astype(np.int32))


class _Tables:
    """Builds the tables, kind by kind."""

    def __init__(self, machine: Machine, words: Words, tile_of: Numbers):
        self._machine, self._words, self._tile_of = machine, words, tile_of
        self._opcode = (words[:, 0] & np.uint64(0xFF)).astype(np.int64)
        self._table = np.full((len(words), COLUMNS), -1, np.int32)
        self._keys: list[Numbers] = []
        self._where: list[tuple[Numbers, TaskColumn]] = []
        self._collective = np.zeros((0, 10), np.int64)

    def decoded(self, entry: NDArray[np.int32]) -> CoreInput:
        """All of it."""
        self._common()
        self._scalar()
        self._matrix()
        self._vector()
        joins = self._move()
        return CoreInput(TaskTable(self._table, entry), self._paths(), joins)

    def _rows(self, *opcodes: Opcode) -> Numbers:
        return np.flatnonzero(np.isin(self._opcode, opcodes))

    def _put(self, rows: Numbers, columns: Mapping[TaskColumn, Numbers | int]) -> None:
        for column, values in columns.items():
            self._table[rows, column] = values

    def _path(self, rows: Numbers, column: TaskColumn, key: Numbers) -> None:
        """Ask for paths: a key is kind, source and rectangle (or channel)."""
        self._keys.append(key)
        self._where.append((rows, column))

    def _common(self) -> None:
        fields, every = InstructionFields(self._words, Kind.SCALAR), np.arange(len(self._words))
        for n, sem, count in (
            (0, TaskColumn.WAIT0, TaskColumn.COUNT0),
            (1, TaskColumn.WAIT1, TaskColumn.COUNT1),
        ):
            held = fields[f"wait{n}_count"]
            self._put(every, {sem: np.where(held > 0, fields[f"wait{n}_sem"], -1), count: held})
        kind = fields["sig1_kind"]
        self._put(
            every,
            {
                TaskColumn.OP: 0,
                TaskColumn.REGISTERS: 0,
                TaskColumn.SIGNAL0: np.where(fields["sig0_on"] > 0, fields["sig0_sem"], -1),
                TaskColumn.SIGNAL1: np.where(kind > 0, fields["sig1_sem"], -1),
            },
        )
        remote = np.flatnonzero(kind == 2)
        x, y = fields["sig1_x"][remote], fields["sig1_y"][remote]
        self._path(remote, TaskColumn.SIGNAL_PATH, _key(0, self._tile_of[remote], (x, y, x, y)))

    def _scalar(self) -> None:
        for opcode, op in _SCALAR.items():
            rows = self._rows(opcode)
            fields = InstructionFields(self._words[rows], Kind.SCALAR)
            signed = fields["imm"].astype(np.uint32).astype(np.int32)
            self._put(
                rows,
                {
                    TaskColumn.OP: op,
                    TaskColumn.RD: fields["rd"],
                    TaskColumn.RS: fields["rs"],
                    TaskColumn.IMM: signed,
                },
            )

    def _matrix(self) -> None:
        rows = self._rows(Opcode.MATMUL)
        fields = InstructionFields(self._words[rows], Kind.MATRIX)
        flags = fields["trans_b"] | fields["accumulate"] << 1
        for bit, name in ((2, "fmt_a"), (3, "fmt_b")):
            flags |= np.isin(fields[name], _NARROW).astype(np.int64) << bit
        self._put(
            rows,
            {
                TaskColumn.OP: TaskKind.MATMUL,
                TaskColumn.REGISTERS: fields.registers,
                TaskColumn.M: fields["m"],
                TaskColumn.N: fields["n"],
                TaskColumn.K: fields["k"],
                TaskColumn.FLAGS: flags,
            },
        )

    def _vector(self) -> None:
        rows = np.flatnonzero(self._opcode >> 4 == Kind.VECTOR)
        fields = InstructionFields(self._words[rows], Kind.VECTOR)
        names = ("m", "n", "with_b", "with_s", "fmt_a", "fmt_d")
        shapes = np.stack([self._opcode[rows], *(fields[name] for name in names)], axis=1)
        unique, inverse = np.unique(shapes, axis=0, return_inverse=True)
        laws = [
            work_columns(
                self._machine.tile,
                Opcode(row[0]),
                dict(zip(names, map(int, row[1:]), strict=True)),
            )
            for row in unique
        ]
        costs = np.array(laws, np.int64).reshape(-1, 5)[inverse.reshape(-1)]
        self._put(
            rows,
            {
                TaskColumn.OP: TaskKind.WORK,
                TaskColumn.REGISTERS: fields.registers,
                TaskColumn.CYCLES: costs[:, 0],
                TaskColumn.LINES: costs[:, 1],
                TaskColumn.ACTIVE: costs[:, 2],
                TaskColumn.SPAN: costs[:, 3],
                TaskColumn.WIDE: costs[:, 4],
            },
        )

    def _move(self) -> Collectives:
        machine = self._machine
        channel_at = np.full((64, 64, 4), -1, np.int64)
        for one in machine.channels:
            channel_at[one.x, one.y, _EDGES[one.edge]] = one.index
        joins = collectives(Links(machine), [])
        for opcode, op in _MOVES.items():
            rows = self._rows(opcode)
            fields, tile = InstructionFields(self._words[rows], Kind.MOVE), self._tile_of[rows]
            channel = channel_at[fields["target_x"], fields["target_y"], fields["edge"]]
            self._put(
                rows,
                {
                    TaskColumn.OP: op,
                    TaskColumn.REGISTERS: fields.registers,
                    TaskColumn.ROWS: fields["rows"],
                    TaskColumn.WORDS: fields["words"],
                    TaskColumn.CHANNEL: channel,
                    TaskColumn.SEM: np.where(fields["bump"] > 0, fields["sem"], -1),
                },
            )
            rectangle = tuple(fields[name] for name in ("x0", "y0", "x1", "y1"))
            if opcode in (Opcode.LOAD, Opcode.STORE):
                self._path(rows, TaskColumn.PATH2, _key(2, tile, (channel, 0, 0, 0)))
                if opcode == Opcode.STORE:
                    x, y = tile % machine.mesh.columns, tile // machine.mesh.columns
                    rectangle = (x, y, x, y)
                self._path(rows, TaskColumn.PATH, _key(1, channel, rectangle))
            elif opcode == Opcode.PUT:
                self._path(rows, TaskColumn.PATH, _key(0, tile, rectangle))
            else:
                joins = self._reduce(rows, fields, rectangle)
        return joins

    def _reduce(self, rows: Numbers, fields: InstructionFields, rectangle: tuple) -> Collectives:
        """The collectives, and for those that turn the way back."""
        root_x, root_y, turn = fields["target_x"], fields["target_y"], fields["turn"] > 0
        root = self._machine.mesh.columns * root_y + root_x
        back = np.flatnonzero(turn)
        sides = tuple(side[back] for side in rectangle)
        self._path(rows[back], TaskColumn.PATH2, _key(0, root[back], sides))
        names = ("op", "fmt", "turn", "tag")
        table = np.stack([*rectangle, root_x, root_y, *(fields[name] for name in names)], axis=1)
        unique, inverse = np.unique(table, axis=0, return_inverse=True)
        self._put(rows, {TaskColumn.PATH: inverse.reshape(-1)})
        found = [
            ReduceTree(
                Rectangle(*map(int, row[:4])),
                (int(row[4]), int(row[5])),
                ReduceOp(row[6]),
                Format(row[7]),
            )
            for row in unique
        ]
        return collectives(Links(self._machine), found)

    def _paths(self) -> Paths:
        keys = np.concatenate(self._keys)
        unique, inverse = np.unique(keys, return_inverse=True)
        at = 0
        for rows, column in self._where:
            self._table[rows, column] = inverse[at : at + len(rows)]
            at += len(rows)
        links, machine, found = Links(self._machine), self._machine, []
        for key in map(int, unique):
            kind, source = key >> 60, key >> 32 & 0xFFFFFF
            x0, y0, x1, y1 = (key >> 8 * n & 0xFF for n in range(4))
            tile = source % machine.mesh.columns, source // machine.mesh.columns
            if kind == 2:
                found.append(request_path(links, tile, x0))
            elif kind == 1:
                channel = machine.channels[source]
                where = channel.x, channel.y
                found.append(data_path(links, where, source, Rectangle(x0, y0, x1, y1)))
            else:
                found.append(data_path(links, tile, -1, Rectangle(x0, y0, x1, y1)))
        return paths_of(found)


def _key(kind: int, source: Numbers, sides: tuple[Numbers | int, ...]) -> Numbers:
    """Kind, source, and four numbers below 256, as one."""
    key = (np.int64(kind) << 60) | source.astype(np.int64) << 32
    for n, side in enumerate(sides):
        key = key | np.asarray(side, np.int64) << 8 * n
    return key
