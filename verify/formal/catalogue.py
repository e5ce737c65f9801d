"""Everything that `make formal` proves."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial

from isa.errors import UserError
from verify.formal.arbiter import ArbiterHarness
from verify.formal.combine import CombineHarness
from verify.formal.fifo import FifoHarness
from verify.formal.fork import ForkHarness
from verify.formal.harness import Harness
from verify.formal.join import JoinHarness
from verify.formal.link import LinkHarness
from verify.formal.prove import Proof, prove
from verify.formal.reduce_router import ReduceRouterHarness
from verify.formal.reduction_route import ReductionHarness
from verify.formal.route import MulticastHarness, RequestHarness
from verify.formal.router import MulticastRouterHarness, UnicastRouterHarness
from verify.formal.solve import version
from verify.formal.stall import StallHarness
from verify.formal.structure import PATHS, separate

__all__ = ["HARNESSES", "Property", "properties", "run", "select"]

HARNESSES: tuple[Harness, ...] = (
    # The smallest, one whose pointers do not wrap by themselves, and the one that is built.
    FifoHarness(2),
    FifoHarness(3),
    FifoHarness(6),
    ArbiterHarness(4),
    ArbiterHarness(5),
    ForkHarness(5),
    JoinHarness(),
    StallHarness(),
    MulticastHarness(),
    RequestHarness(),
    ReductionHarness(),
    UnicastRouterHarness(2),
    MulticastRouterHarness(2),
    LinkHarness(),
    CombineHarness(1),
    CombineHarness(2),
    ReduceRouterHarness(),
)


@dataclass(frozen=True)
class Property:
    """One property, ready to be proved."""

    module: str
    name: str
    prove: Callable[[], Proof]

    @property
    def title(self) -> str:
        """What a user types."""
        return f"{self.module}.{self.name}".replace(" ", "-")


def properties() -> list[Property]:
    """All properties, by module."""
    found = [
        Property(h.name, claim.name, partial(prove, h, claim))
        for h in HARNESSES
        for claim in h.claims
    ]
    found += [Property(path.module, path.name, partial(separate, path)) for path in PATHS]
    order = {
        module: place for place, module in enumerate(dict.fromkeys(item.module for item in found))
    }
    return sorted(found, key=lambda item: order[item.module])


def run(items: Iterable[Property], jobs: int) -> Iterator[tuple[Property, Proof]]:
    """Prove the properties, `jobs` at a time, and yield outcomes as they come.

    Raises
    ------
    UserError
        If Yosys or the solver is not installed.
    """
    version()  # compiles Yosys where that has never been done, once and not `jobs` times
    with ThreadPoolExecutor(jobs) as pool:
        started: dict[Future, Property] = {pool.submit(item.prove): item for item in items}
        try:
            for done in as_completed(started):
                yield started[done], done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def select(items: list[Property], patterns: list[str]) -> list[Property]:
    """Those whose module or title matches a pattern; all if there is no pattern.

    Raises
    ------
    UserError
        If a pattern matches none.
    """
    for pattern in patterns:
        if not any(_matches(item, pattern) for item in items):
            raise UserError(f"no property matches {pattern!r}: `--list` lists them")
    return [
        item
        for item in items
        if not patterns or any(_matches(item, pattern) for pattern in patterns)
    ]


def _matches(item: Property, pattern: str) -> bool:
    return fnmatch(item.module, pattern) or fnmatch(item.title, pattern)
