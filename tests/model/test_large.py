"""The model against RTL runs of many tiles, up to 1024, and of the papers' tile."""

import pytest

from isa.machine import load_machine
from model.predict import predict
from programs.compiler import compile_workload, parse_workload
from programs.tensors import DTYPES
from publish.results import kept


@pytest.mark.parametrize("row", kept("large"), ids=lambda row: f"{row['machine']} {row['mesh']}")
def test_cycles_are_those_of_the_rtl(row):
    machine = load_machine(row["machine"], row["mesh"])
    work = parse_workload(row["workload"], DTYPES[row["dtype"]])
    compiled = compile_workload(machine, work, row["dataflow"])
    assert compiled.describe() == row["mapping"]
    assert predict(compiled).cycles == pytest.approx(row["cycles"], rel=0.02)
