"""What a kept result depends on: all that runs it, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tb.runner import ROOT
from tb.sources import digest, sources

HOUSE = {
    "isa/__init__.py": "",
    "isa/base.py": "",
    "isa/other.py": "",
    "hw/__init__.py": "import numpy",
    "hw/model.v": "module model; endmodule",
    "hw/unused.v": "",
    "tb/__init__.py": "",
    "tb/task.py": "def call():\n    from tb import helper\n",
    "tb/helper.py": 'from isa import base\nNAMED = "tb.bench", "hw/model.v", "waves.v"\n',
    "tb/bench.py": '"""Not to be taken for `tb.stranger`, nor tb/unused.v."""\nimport hw\n',
    "tb/stranger.py": "import tb.task\n",
    "waves/__init__.py": "",
}


@pytest.fixture
def house(tmp_path) -> Path:
    for name, text in HOUSE.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


NEEDED = set(HOUSE) - {"isa/other.py", "hw/unused.v", "tb/stranger.py", "waves/__init__.py"}


def test_imports_benches_and_files_are_found(house):
    found = sources(house / "tb/task.py", house)
    assert {path.relative_to(house).as_posix() for path in found} == NEEDED


@pytest.mark.parametrize("name", HOUSE)
def test_a_key_changes_with_what_is_needed_and_with_nothing_else(house, name):
    before = digest(house / "tb/task.py", house)
    with open(house / name, "a") as file:
        file.write("\n# touched\n")
    assert (digest(house / "tb/task.py", house) != before) == (name in NEEDED)


TASKS = ("tb/studies/run.py", "verify/conformance/tasks.py", "publish/noc/tasks.py")


@pytest.mark.parametrize("name", TASKS)
def test_everything_that_python_loads_is_among_the_sources(name):
    module = name.removesuffix(".py").replace("/", ".")
    files = "[m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)]"
    script = f"import {module}, json, sys; print(json.dumps({files}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {Path(file).resolve() for file in json.loads(done.stdout)}
    rooms = {path.parent for path in ROOT.glob("*/__init__.py")}
    ours = {path for path in loaded if any(path.is_relative_to(room) for room in rooms)}
    assert ours and ours <= set(sources(ROOT / name))


def test_a_run_depends_on_the_hardware_and_on_no_report():
    found = {path.relative_to(ROOT).as_posix() for path in sources(ROOT / "tb/studies/run.py")}
    assert {
        "hw/matrix/array.py",
        "hw/sim/hbm_memory.v",
        "golden/machine.py",
        "programs/attention/tiling.py",
        "tb/benches/mesh.py",
        "tb/mesh.py",
    } <= found
    assert any(name.endswith("minilm.npz") for name in found)
    apart = ("publish/", "scripts/", "waves/", "verify/", "tb/noc/", "tb/units/", "tb/collectives/")
    assert not [name for name in found if name.startswith(apart)]
    assert not {"tb/tasks.py", "tb/studies/variants.py"} & found
