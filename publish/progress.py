"""How far a run on the RTL is: on a terminal a bar with cycles a second and the time that is left,
elsewhere one line when it begins.
"""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from tb.waiting import in_words

__all__ = ["RunProgress"]


class RunProgress:
    """A context manager; its methods are what a `tb.experiment.Rig` calls."""

    def __init__(self, console: Console):
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("compiling the program", total=None)
        self._expected = self._started = 0.0
        self._first = 0

    def __enter__(self) -> "RunProgress":
        self._bar.start()
        return self

    def __exit__(self, *exception) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """Show what has just been done."""
        self._bar.update(self._task, description=f"{text}; RTL: building and booting")

    def expect(self, cycles: float) -> None:
        """Take the cycles that the run will take, by estimate."""
        self._expected = cycles
        if not self._console.is_terminal:
            self._console.print(f"RTL: about {cycles:,.0f} cycles by estimate", highlight=False)

    def at(self, cycle: int) -> None:
        """Show that the RTL has reached this cycle."""
        now = time.monotonic()
        if not self._started and cycle:
            self._started, self._first = now, cycle
        total = max(self._expected, float(cycle)) or None
        self._bar.update(
            self._task, completed=cycle, total=total, description=self.describe(cycle, now)
        )

    def describe(self, cycle: int, now: float) -> str:
        """Cycles, their rate, and the time that is left, as far as they are known."""
        text = f"RTL: cycle {cycle:,}"
        if not self._started or now <= self._started or cycle <= self._first:
            return text
        rate = (cycle - self._first) / (now - self._started)
        left = max(self._expected - cycle, 0) / rate
        return f"{text}, {rate / 1e3:.1f} kcycles/s, about {in_words(left)} left"
