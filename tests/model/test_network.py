"""Trains of the model on links that are asked for all the time."""

import numpy as np
import pytest

from isa.geometry import Rectangle
from isa.machine import load_machine
from model.costs import laws_of
from model.engine.run import simulate
from model.engine.tables import COLUMNS, TaskColumn, TaskKind, TaskTable
from model.routes import Links, collectives, data_path, paths_of, request_path

WORDS, ROW = 256, 8
HALT = np.full(COLUMNS, -1)
HALT[[TaskColumn.OP, TaskColumn.REGISTERS]] = 0


def multicasts(columns):
    """Cycles in which each of the channels below a mesh sends words to the whole second row.

    Each of them crosses the way up of each column: routers take turns, so that those links carry a
    flit in every cycle, and all of them take as long as there are words.
    """
    machine = load_machine("paper-2026", f"{columns}x2")
    links, rows, paths = Links(machine), [HALT], []
    entry = np.zeros(4 * machine.mesh.tiles, np.int32)
    for x in range(columns):
        read = np.full(COLUMNS, -1)
        for column, value in {
            TaskColumn.OP: TaskKind.READ,
            TaskColumn.REGISTERS: 0,
            TaskColumn.ROWS: WORDS // ROW,
            TaskColumn.WORDS: ROW,
            TaskColumn.PATH: len(paths),
            TaskColumn.PATH2: len(paths) + 1,
            TaskColumn.CHANNEL: x,
        }.items():
            read[column] = value
        paths += [
            data_path(links, (x, 0), x, Rectangle(0, 1, columns - 1, 1)),
            request_path(links, (x, 0), x),
        ]
        entry[4 * machine.tile_index(x, 0) + 2] = len(rows)
        rows += [read, HALT]
    table = TaskTable(np.array(rows, np.int32), entry)
    joins = collectives(links, [])
    return simulate(table, paths_of(paths), joins, links.fabric(), laws_of(machine)).cycles


@pytest.mark.parametrize("columns", [4, 8, 32])
def test_a_link_is_never_idle_while_it_is_wanted(columns):
    first = load_machine("paper-2026").hbm.latency
    assert columns * WORDS <= multicasts(columns) - first <= columns * WORDS + 60
