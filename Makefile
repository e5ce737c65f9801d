# flatmesh: every target sets up what it needs. `make help` lists them and explains the variables
# (scripts/variables.py), which go through the environment.
export MACHINE MESH WORKLOAD DATAFLOW DTYPE PTYPE OTYPE GROUP SLICE SEED STALL ARRAY ANYSIZE WAVES \
  THREADS JOBS QUICK SMALL TOP EXHAUSTIVE MOST JUDGE FROM TO COLLECTIVE FAULT FORMAT VCD READER LIST OPEN VIEWER \
  PROGRAM OUT SET TARGET DUT CASE MUTATIONS MUTANT RESUME SPEC SCHEDULER FOR \
  MODEL WAFER DIES SHAPE D2D_GBPS D2D_NS EP PP TP BATCH KV DRAFTS ACCEPTANCE ELEMENT ATTENTION COPIES \
  SKEW OVERLAP REQUEST COSTS VARY
unexport $(filter COCOTB_% PYTHON%,$(.VARIABLES))  # what they say is meant for other programs
PYTHON ?= python3
PY := .venv/bin/python

# A variable on the command line that no goal reads ends make here: scripts/targets.py. What only
# the environment has, or another make passes on, is not asked.
GIVEN := $(if $(MAKELEVEL:0=),,$(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name))))
ifneq ($(strip $(GIVEN)),)
WRONG := $(shell $(PYTHON) -m scripts.targets '$(MAKECMDGOALS)' $(GIVEN) 2>/dev/null)
$(if $(WRONG),$(error flatmesh: $(WRONG)))
endif

.DEFAULT_GOAL := help
.PHONY: help sim run compile model explore calibrate validate machine verilog tune campaign waves inspect test test-all conformance shrink formal races noc ablation bench pgo accuracy wafer measure docs check lint clean

.venv/ready: pyproject.toml scripts/setup.sh
	@PYTHON=$(PYTHON) sh scripts/setup.sh

##@ run
sim: .venv/ready ## the main job: attention on the RTL mesh, compared bit by bit
	@$(PY) -m scripts.sim

run: .venv/ready ## a program text of your own on golden and on the RTL, compared bit by bit (PROGRAM)
	@$(PY) -m scripts.run

compile: .venv/ready ## a workload as such a text (OUT=file.s)
	@$(PY) -m scripts.compile

machine: .venv/ready ## a machine as TOML: make -s machine MACHINE=mesh4 > mine.toml, then MACHINE=mine.toml
	@$(PY) -m scripts.machine

verilog: .venv/ready ## the Verilog of a machine's tile and mesh, with a list of files (OUT=folder)
	@$(PY) -m scripts.verilog

model: .venv/ready ## the timing model: all points of the papers' machines, with a report; or a WORKLOAD on any
	@$(PY) -m scripts.model

explore: .venv/ready ## machines around one: tile size, link, HBM, lanes, L1, group, and the best of them (VARY)
	@$(PY) -m scripts.explore

calibrate: .venv/ready ## small programs on the RTL over tile parameters, each law of the model beside it (QUICK=1)
	@$(PY) -m scripts.calibrate

validate: .venv/ready ## the model against held-out RTL runs, as predicted before they ran and as it is now
	@$(PY) -m scripts.validate

tune: .venv/ready ## choose a mapping by running the best candidates on the RTL, or in the model (TOP EXHAUSTIVE MOST JUDGE)
	@$(PY) -m scripts.tune

campaign: .venv/ready ## a grid of runs with Parquet and CSV, here or on a Dask cluster (SPEC SCHEDULER RESUME)
	@$(PY) -m scripts.campaign

##@ look
waves: .venv/ready ## a window of a run as a waveform, with views for GTKWave and Surfer (FROM TO FAULT)
	@$(PY) -m scripts.waves

inspect: .venv/ready ## the collectives in a waveform: rebuilt, checked, measured, drawn (VCD OPEN=1)
	@$(PY) -m scripts.inspect

##@ verify
test: .venv/ready ## all fast tests
	@$(PY) -m pytest -q -n 2 --dist worksteal

test-all: .venv/ready ## every test, slow ones too
	@$(PY) -m pytest -q -n 2 --dist worksteal -m ""

conformance: .venv/ready ## the golden-model matrix and deliberate faults (SET TARGET DUT CASE MUTANT)
	@$(PY) -m scripts.conformance

shrink: .venv/ready ## a failing case as a small program text: which instruction is it (CASE DUT OUT)
	@$(PY) -m scripts.shrink

formal: .venv/ready ## formal proofs of the network's parts
	@$(PY) -m scripts.formal

races: .venv/ready ## no shipped program has a data race, and a wait or signal left out is found
	@$(PY) -m scripts.races

##@ measure
noc: .venv/ready ## the network: latency, bounds, software methods, saturation, faults (QUICK=1)
	@$(PY) -m scripts.noc

ablation: .venv/ready ## what multicast HBM reads and turning all-reduces gain (SMALL=1)
	@$(PY) -m scripts.ablation

bench: .venv/ready ## simulation speed of every flow: through cocotb and in a bare C++ loop
	@$(PY) -m scripts.bench

pgo: .venv/ready ## compile the machine's tile by a profile: later runs of it are faster (MACHINE ARRAY)
	@$(PY) -m scripts.pgo

accuracy: .venv/ready ## error of the exponential over every input, in ulp
	@$(PY) -m scripts.accuracy

wafer: .venv/ready ## a language model on many dies: one point if a variable is set, else the sweep
	@$(PY) -m scripts.wafer

measure: .venv/ready ## publish a set: SET=tables cycles cases noc formal races ablation variants tuning tour calibration extrapolation explore conformance wafer
	@$(PY) -m scripts.measure

##@ maintain
help: ## the targets, and every variable with its default and unit
	@$(PYTHON) -m scripts.help

docs: .venv/ready ## rewrite the generated parts of README and docs from the code and docs/results
	@$(PY) -m scripts.docs

check: lint ## the gate before a commit: lint, the house, and a tiny run on golden and on the RTL
	@$(PY) -m pytest -q -n 2 tests/test_house.py tests/isa tests/publish
	@$(PY) -m scripts.run --program examples/reduce.s --out check

lint: .venv/ready ## style, import rules, types
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

clean: ## remove everything that was built
	rm -rf build .venv
