"""A discrete-event core: queues of tasks with counting semaphores, on resources that are shared.

It knows nothing of attention, and little of our hardware: what runs is a table of instructions,
what it costs are laws. Front ends make both. `model.decode` makes them of program images; a task
graph is the same with a queue per sequential resource, and no loops.

The interface (`model.engine.tables`, `model.engine.laws`, `simulate` in `model.engine.run`)::

    simulate(TaskTable, Paths, Collectives, Fabric, Laws) -> CoreOutcome

TaskTable
    ``table`` (rows x `COLUMNS`, int32, -1 where a column means nothing) holds the instructions of
    all queues, ``entry[4 * tile + queue]`` where each queue starts. A queue runs its rows in order
    until HALT. Its number says which engine is behind it: 0 matrix, 1 and 2 any, 3 out. A queue
    without work is a single HALT row, which all may share. A "tile" is four queues, 32 semaphores
    and an L1; a front end may have as many as it likes.
Tasks (`TaskKind`)
    WORK of known CYCLES, on any of the queues 0 to 2 (with LINES = 0 nothing slows it down);
    MATMUL by the mechanism of our matrix engine (queue 0); READ, an HBM channel's answer along a
    path (queue 2); WRITE, PUT and REDUCE (queue 3). READ is issued and not waited for: what
    arrives bumps a semaphore. The engine of a queue takes one task after the other.
Dependencies
    An instruction waits until WAIT0 holds COUNT0 and WAIT1 holds COUNT1, and subtracts them
    (-1: no wait). When it is done it adds one to SIGNAL0 (of its tile) and to SIGNAL1 (of its
    tile, or at the end of SIGNAL_PATH). What moves adds one to SEM at each tile it arrives at. A
    barrier of n queues is a REDUCE-free pattern of signals to one semaphore with COUNT = n.
Movement
    Flits cross links at one a cycle, in whole cycles. A path is a tree of links (`Paths`): node 0
    is where the source puts flits in, each further node follows its parent, those of one parent
    follow each other, and a node with a ``tile`` ends there. Up to `ASKING` inputs take turns at a
    link. A collective is a tree of joins (`Collectives`), a node for each router on the way. What
    shares a link, a router, a channel or an L1 slows each other down, as in the hardware's
    routers: full queues stop what is behind them.
Channels
    A channel answers reads in order, `Laws.latency` after they came, a word each
    `Laws.word_cycles`, and writes in between.
Laws
    Cycles (and a few sizes) of everything that is not in the tables. `model.costs.laws_of` has
    those of our hardware, each with its source; another cost set is another `Laws`.

Times are cycles, as float64: laws need not be whole. One run of one input always gives the same
output. The core is compiled once per state of its sources (`model.engine.compiled`), which takes
a quarter of a minute; 10^6 events, most of which are moves of flits, take a tenth of a second.
"""
