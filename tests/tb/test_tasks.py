"""Results that are kept: read again, and made again when what they depend on changes."""

import io
from pathlib import Path

from rich.console import Console

from tb.tasks import Task, run_tasks


def touch(path: str, number: int) -> dict:
    """Leave a mark that says how often it was called."""
    marks = Path(path)
    marks.write_text(marks.read_text() + "x" if marks.exists() else "x")
    return {"number": number}


def test_a_kept_result_is_not_made_again(tmp_path):
    marks, keep, said = tmp_path / "marks", tmp_path / "keep", io.StringIO()

    def run(number: int) -> dict[str, dict]:
        return run_tasks(
            [Task("one", touch, {"path": str(marks), "number": number})],
            1,
            Console(file=said),
            keep=keep,
        )

    assert run(1) == run(1) == {"one": {"number": 1}}
    assert marks.read_text() == "x"
    assert "1 of 1 are there from before" in said.getvalue()
    assert run(2) == {"one": {"number": 2}}
    assert marks.read_text() == "xx"
