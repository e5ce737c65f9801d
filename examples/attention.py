"""Attention as a library: compile, run on golden and on the RTL, compare.

``.venv/bin/python -m examples.attention``
"""

from isa.machine import load_machine
from programs.tensors import load_workload
from tb.experiment import run_experiment

machine, tensors = load_machine("tiny"), load_workload("mha:S=32,D=16,H=1", "fp16", seed=1)
experiment = run_experiment(machine, tensors)
print(f"{experiment.run.cycles} cycles, {'bit-exact' if experiment.passed else 'WRONG'}")
