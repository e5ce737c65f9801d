"""Tokens per second and time per token of a plan: kernels and transfers put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isa.errors import UserError
from model.wafer.description import Wafer
from model.wafer.floors import kernel_floor
from model.wafer.kernels import Cycles, Kernel, KernelCycles
from model.wafer.layer import DieStep, Send, Step, decoder_layer, draft_layer, head
from model.wafer.plan import Plan, Serving, expert_rows, memory_gib, stages_of
from model.wafer.schedule import StageTask, cut_evenly, interleaved
from model.wafer.topology import Topology
from model.wafer.traffic import Traffic

__all__ = ["ServedPoint", "Server"]


@dataclass(frozen=True)
class ServedPoint:
    """One plan at work. Seconds are of one step, which gives `Serving.tokens_per_step` tokens."""

    serving: Serving
    plan: Plan
    step_seconds: Cycles
    """From one token (and its drafts) of a request to the next, with its interval."""
    parts: dict[str, float]
    """Seconds of a step by part of a layer, transfers under `d2d`, of all stages one after the
    other and without overlap.
    """
    cuts: tuple[int, ...]
    """Layers of each stage."""
    memory_gib: float
    floor_seconds: float
    """What the matrix engines, the HBM and the links need at least for a step."""

    @property
    def tpot_ms(self) -> Cycles:
        """Milliseconds per output token of a request."""
        return self.step_seconds.times(1e3 / self.serving.tokens_per_step)

    @property
    def tokens_per_second_per_chip(self) -> Cycles:
        """Output tokens; the low end belongs to the long steps."""
        value, low, high = (self.plan.batch * 1e3 / ms for ms in self.tpot_ms)
        return Cycles(value, high, low)

    def share(self, part: str) -> float:
        """Part of a step without overlap."""
        return self.parts.get(part, 0.0) / sum(self.parts.values())


class Server:
    """A wafer whose kernels take what `costs` says.

    Parameters
    ----------
    costs
        Cycles of kernels on the wafer's die.
    """

    def __init__(self, wafer: Wafer, costs: KernelCycles) -> None:
        self.wafer, self.costs, self.machine = wafer, costs, wafer.machine
        self._known: dict[Kernel, Cycles] = {}

    @cached_property
    def traffic(self) -> Traffic:
        """Transfers over the wafer's links."""
        return Traffic(Topology(self.wafer.fabric), self.wafer.port_bytes_per_s)

    def point(self, serving: Serving, plan: Plan) -> ServedPoint:
        """What a plan gives.

        Raises
        ------
        UserError
            If its degrees do not divide what they share out, or a die's memory is too small.
        """
        self.check(serving, plan)
        halves = 2 if serving.overlap and plan.batch > 1 else 1
        die = self._die_step(serving, plan, -(-plan.batch // halves))
        layers = [
            self._tasks(serving, plan, decoder_layer(die, moe=moe))
            for moe in (False, True)[: 1 + bool(serving.model.moe_layers)]
        ]
        tail = self._tasks(serving, plan, self._tail(serving, plan, die))
        costs = [sum(task.seconds.cycles for task in tasks) for tasks in layers]
        kinds = [
            int(bool(serving.model.moe_layers) and i >= serving.model.first_k_dense_replace)
            for i in range(serving.model.num_hidden_layers)
        ]
        last = sum(task.seconds.cycles for task in tail)
        cuts = cut_evenly([costs[kind] for kind in kinds], plan.pipeline, last)
        memory = self._check_memory(serving, plan, cuts)
        hand = self._hand_over(serving, plan, die)
        stages, first = [], 0
        for stage, count in enumerate(cuts):
            tasks = [t for kind in kinds[first : first + count] for t in layers[kind]]
            tasks += hand if stage < plan.pipeline - 1 else tail
            stages.append(tasks)
            first += count
        spans = [interleaved(tasks, halves) for tasks in stages]
        longest = Cycles(*(max(ends) for ends in zip(*spans, strict=True)))
        parts: dict[str, float] = {}
        for task in (task for tasks in stages for task in tasks):
            parts[task.part] = parts.get(task.part, 0.0) + task.seconds.cycles * halves
        floor = halves * max(self._floor(tasks) for tasks in stages)
        return ServedPoint(
            serving,
            plan,
            longest.times(plan.pipeline),
            parts,
            cuts,
            memory,
            floor * plan.pipeline,
        )

    def check(self, serving: Serving, plan: Plan) -> None:
        """Whether a plan is possible, before any kernel is looked at.

        Raises
        ------
        UserError
            One line that says what does not divide, or how many GiB are missing.
        """
        plan.check(self.wafer, serving.model)
        self._check_memory(serving, plan, _even_cuts(serving, plan))

    def kernels(self, serving: Serving, plan: Plan) -> set[Kernel]:
        """All different kernels of a point."""
        plan.check(self.wafer, serving.model)
        halves = 2 if serving.overlap and plan.batch > 1 else 1
        die = self._die_step(serving, plan, -(-plan.batch // halves))
        steps = self._tail(serving, plan, die)
        for moe in (False, True)[: 1 + bool(serving.model.moe_layers)]:
            steps += decoder_layer(die, moe=moe)
        return {step for step in steps if isinstance(step, Kernel)}

    def _check_memory(self, serving: Serving, plan: Plan, cuts: Sequence[int]) -> float:
        needed = memory_gib(serving, plan, cuts)
        if needed > self.wafer.hbm_gib:
            raise UserError(
                f"{plan.describe()} of {serving.model.name} with BATCH={plan.batch} and "
                f"KV={serving.keys} needs {needed:.1f} GiB a die: "
                f"{needed - self.wafer.hbm_gib:.1f} GiB more than the {self.wafer.hbm_gib:g} there "
                "are"
            )
        return needed

    def _die_step(self, serving: Serving, plan: Plan, batch: int) -> DieStep:
        return DieStep(
            model=serving.model,
            requests=batch * plan.tensor,
            queries=serving.speculative,
            keys=serving.keys,
            tensor=plan.tensor,
            expert_rows=expert_rows(serving, plan, batch),
            element=serving.element,
            attention=serving.attention,
            combined_bytes=serving.combined_bytes,
        )

    def _tail(self, serving: Serving, plan: Plan, die: DieStep) -> list[Step]:
        """After the last layer: the head, and a pass of the drafting layer for each draft."""
        steps = head(die)
        if serving.draft and serving.model.num_nextn_predict_layers:
            steps += draft_layer(die) * (serving.speculative - 1)
        return steps

    def _hand_over(self, serving: Serving, plan: Plan, die: DieStep) -> list[StageTask]:
        if plan.pipeline == 1:
            return []
        send = Send("hand-over", 2 * serving.model.hidden_size, die.own)
        return self._tasks(serving, plan, [send])

    def _tasks(self, serving: Serving, plan: Plan, steps: Sequence[Step]) -> list[StageTask]:
        return [
            self._transfer(serving, plan, step) if isinstance(step, Send) else self._kernel(step)
            for step in steps
        ]

    def _kernel(self, kernel: Kernel) -> StageTask:
        if kernel not in self._known:
            self._known[kernel] = self.costs(kernel)
        seconds = self._known[kernel].times(kernel.count / (self.machine.clock_ghz * 1e9))
        return StageTask(kernel.part, seconds, kernel_floor(self.wafer, kernel))

    def _transfer(self, serving: Serving, plan: Plan, send: Send) -> StageTask:
        """Seconds of a transfer; the flow model has no interval of its own."""
        stages = stages_of(self.wafer, plan)
        groups = [group for stage in stages for group in stage]
        scale = send.token_bytes * send.tokens
        if send.what == "hand-over":
            times = self.traffic.hand_over([[d for group in s for d in group] for s in stages])
        elif send.what == "exchange":
            size = plan.tensor
            times = self.traffic.exchange(
                [group[i : i + size] for group in groups for i in range(0, len(group), size)]
            )
        else:
            routing = serving.routing
            assert routing is not None
            collective = self.traffic.dispatch if send.what == "dispatch" else self.traffic.combine
            times = collective(groups, routing, serving.copies)
        seconds = times.makespan(scale)
        widths = np.array([link.width for link in self.traffic.topology.links], float)
        wires = widths * self.wafer.fabric.gb_per_s * 1e9
        floor = float((times.link_bytes / wires).max(initial=0.0)) * scale
        return StageTask("d2d", Cycles(seconds, seconds, seconds), floor)

    @staticmethod
    def _floor(tasks: Sequence[StageTask]) -> float:
        """Longest of what the die's kernels and what the links need, as if all overlapped."""
        d2d = sum(task.floor for task in tasks if task.part == "d2d")
        return max(d2d, sum(task.floor for task in tasks if task.part != "d2d"))


def _even_cuts(serving: Serving, plan: Plan) -> list[int]:
    """Layers of stages before their times are known: as even as can be."""
    layers, stages = serving.model.num_hidden_layers, plan.pipeline
    return [layers // stages + (stage < layers % stages) for stage in range(stages)]
