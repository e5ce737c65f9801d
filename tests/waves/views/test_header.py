"""What is no VCD of a mesh is said in one line, and nothing is written."""

import pytest

from isa.errors import UserError
from waves.views import write_views


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No such file"),
        ("", "not a VCD"),
        ("hello\n" * 1000, "not a VCD"),
        ("$timescale 1ns $end\n$scope module mesh $end\n", "not a VCD: it has no .enddefinitions"),
        (
            "$scope module counter $end $var wire 4 ! q [3:0] $end $upscope $end $enddefinitions "
            "$end\n#0\n",
            "another design",
        ),
        (
            "$scope module waves $end $var wire many ! cycle $end $upscope $end $enddefinitions "
            "$end\n#0\n",
            "cannot be read",
        ),
    ],
)
def test_what_is_no_vcd_of_a_mesh(tmp_path, text, says):
    if text is not None:
        (tmp_path / "waves.vcd").write_text(text)
    with pytest.raises(UserError, match=says) as raised:
        write_views(tmp_path / "waves.vcd", tmp_path / "views")
    assert "\n" not in str(raised.value) and not (tmp_path / "views").exists()
