"""Runs of a campaign in the timing model: all heads, or some turns of each group and a line."""

import time
from dataclasses import replace

from isa.errors import UserError
from model.energy import energy_of
from model.predict import Prediction, predict
from programs.attention.mapping import AttentionMapping
from programs.attention.workload import Attention
from programs.compiler import compile_workload, compile_workload_mapping, parse_workload
from programs.tensors import DEFAULT, DTYPES
from tb.campaign.targets import Target, Targets
from tb.campaign.trial import Trial, host, refused
from tb.experiment import commit

__all__ = ["GRID_TARGETS", "run_forward", "run_steady", "run_whole"]

TURNS = (2, 4)
"""Turns of each group that are run of a workload that has more than `MANY`."""
MANY = 6


def run_whole(trial: Trial) -> dict:
    """Cycles and counters of all of a workload."""
    return _run(trial, steady=False)


def run_steady(trial: Trial) -> dict:
    """Likewise, but of a workload whose heads keep every group busy for many turns only some turns
    are run: each turn after them adds what the last ones have. Reads multicast.
    """
    return _run(trial, steady=True, reads="multicast")


def run_forward(trial: Trial) -> dict:
    """As `run_steady`, but the tile that loads a slice passes on what it has read; no read of HBM
    names a rectangle.
    """
    return _run(trial, steady=True, reads="forward")


def _run(trial: Trial, *, steady: bool, reads: str = "") -> dict:
    started = time.process_time()
    try:
        workload = parse_workload(trial.workload, DTYPES[trial.dtype or DEFAULT])
        fixed = {"reads": reads} if reads and isinstance(workload, Attention) else {}
        compiled = compile_workload(
            trial.machine, workload, trial.dataflow or None, **trial.overrides, **fixed
        )
    except UserError as error:
        return refused(str(error))
    compiling = time.process_time() - started
    mapping, turns = compiled.mapping, 0
    seen = None
    if steady and isinstance(workload, Attention) and isinstance(mapping, AttentionMapping):
        turns = _turns(trial, workload, mapping)
        seen = _few(trial, workload, mapping, turns) if turns else None
    seen = seen or predict(compiled)
    machine = trial.machine
    read, write = compiled.hbm_ideal_read_bytes, compiled.hbm_ideal_write_bytes
    return {
        "dataflow": compiled.dataflow,
        "mapping": compiled.describe(),
        "asked_group": trial.group,
        "group": f"{mapping.group[0]}x{mapping.group[1]}" if hasattr(mapping, "group") else "",
        "cycles": seen.cycles,
        "useful_macs": compiled.useful_macs,
        "matrix_utilization": compiled.useful_macs / (seen.cycles * machine.macs),
        "matrix_active": seen.matrix_active,
        "vector_active": seen.vector_active,
        "vector_busy": seen.vector_busy,
        "hbm_bytes": seen.hbm_read_bytes + seen.hbm_write_bytes,
        "hbm_ideal_bytes": read + write,
        "hbm_bandwidth_utilization": seen.hbm_bandwidth_utilization,
        **energy_of(compiled).row(),
        "turns": turns,
        "events": seen.events,
        "compile_seconds": compiling,
        "model_seconds": time.process_time() - started - compiling,
        "commit": commit(),
        "status": "passed",
        "error": "",
        **host(),
    }


def _turns(trial: Trial, workload: Attention, mapping: AttentionMapping) -> int:
    """Turns of each group if there are many, each of the same number of heads; otherwise 0."""
    across, up = mapping.tiles
    mesh = trial.machine.mesh
    groups = (mesh.columns // across) * (mesh.rows // up)
    heads = groups * (1 if mapping.paired else mapping.streams)
    turns, rest = divmod(workload.kv_heads, heads)
    return turns if turns > MANY and not rest and not workload.lengths else 0


def _few(trial: Trial, workload: Attention, mapping: AttentionMapping, turns: int) -> Prediction:
    """What some turns say of all."""
    few = []
    for some in TURNS:
        heads = workload.kv_heads * some // turns
        part = replace(workload, kv_heads=heads, heads=heads * workload.sharing)
        few.append(predict(compile_workload_mapping(trial.machine, part, mapping)))
    return _line(trial, few, turns)


def _line(trial: Trial, few: list[Prediction], turns: int) -> Prediction:
    """What the line through two predictions gives at so many turns."""
    (low, high), (first, second) = TURNS, few

    def at(name: str, per_cycle: bool = False) -> float:
        a, b = (getattr(one, name) * (one.cycles if per_cycle else 1) for one in (first, second))
        return b + (b - a) * (turns - high) / (high - low)

    cycles = round(at("cycles"))
    read, written = round(at("hbm_read_bytes")), round(at("hbm_write_bytes"))
    return Prediction(
        cycles,
        at("matrix_active", True) / cycles,
        at("vector_active", True) / cycles,
        at("vector_busy", True) / cycles,
        read,
        written,
        (read + written) / cycles / trial.machine.hbm_bytes_per_cycle,
        first.events + second.events,
        first.seconds + second.seconds,
    )


GRID_TARGETS: Targets = {
    "whole": Target(run_whole, seconds=12.0),
    "steady": Target(run_steady, seconds=12.0),
    "forward": Target(run_forward, seconds=12.0),
}
"""By the name in a spec."""
