# flatmesh: every target sets up what it needs. `make help` lists them; variables go through the environment.
export MACHINE MESH DATAFLOW WORKLOAD DTYPE PTYPE OTYPE SEED WAVES JOBS GROUP ROWS COLUMNS STALL QUICK SMALL SET CASE TARGET DUT MUTATIONS MUTANT RESUME TOP EXHAUSTIVE MOST \
  FROM TO COLLECTIVE FAULT FORMAT OPEN VIEWER VCD READER LIST PROGRAM OUT
PYTHON ?= python3
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help sim run compile waves inspect tour conformance test test-all noc formal races ablation variants tune tuning bench accuracy tables results docs lint clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

.venv/ready: pyproject.toml scripts/setup.sh
	@PYTHON=$(PYTHON) sh scripts/setup.sh

sim: .venv/ready ## the main job: attention on the RTL mesh, compared bit by bit (MACHINE MESH DATAFLOW WORKLOAD DTYPE PTYPE OTYPE SEED ...)
	@$(PY) -m scripts.sim

run: .venv/ready ## a program text of your own on golden and on the RTL, compared bit by bit (PROGRAM TARGET=golden|rtl|both MACHINE MESH WAVES=1)
	@$(PY) -m scripts.run

compile: .venv/ready ## a workload as such a text (OUT=file.s WORKLOAD MACHINE MESH DATAFLOW DTYPE ...)
	@$(PY) -m scripts.compile

waves: .venv/ready ## a window of a run as a waveform, with views for GTKWave and Surfer (FROM TO COLLECTIVE FORMAT=fst OPEN=1 FAULT ...)
	@$(PY) -m scripts.waves

inspect: .venv/ready ## the collectives in a waveform: rebuilt, checked, measured, drawn (VCD COLLECTIVE LIST READER OPEN=1)
	@$(PY) -m scripts.inspect

tour: .venv/ready ## run what docs/inspection.md shows and rewrite its tables and pictures (minutes)
	@$(PY) -m scripts.tour

conformance: .venv/ready ## the golden-model matrix and deliberate faults (SET TARGET DUT JOBS CASE MUTANT RESUME=0 MUTATIONS=0)
	@$(PY) -m scripts.conformance

test: .venv/ready ## all fast tests
	@$(PY) -m pytest -q -n 2

test-all: .venv/ready ## every test, slow ones too
	@$(PY) -m pytest -q -n 2 -m ""

noc: .venv/ready ## the network: latency, bounds, software methods, saturation, random traffic, faults (QUICK=1)
	@$(PY) -m scripts.noc

formal: .venv/ready ## formal proofs of the network's parts
	@$(PY) -m scripts.formal

races: .venv/ready ## no shipped program has a data race, and a wait or signal left out is found (JOBS)
	@$(PY) -m scripts.races

ablation: .venv/ready ## what multicast HBM reads and turning all-reduces gain (SMALL=1)
	@$(PY) -m scripts.ablation

variants: .venv/ready ## the attention family, all dataflows and utilisations on the RTL; writes docs/attention.md (JOBS, minutes)
	@$(PY) -m scripts.variants

tune: .venv/ready ## choose a mapping by running the best candidates on the RTL (WORKLOAD MACHINE DATAFLOW GROUP ... TOP JOBS EXHAUSTIVE=1 MOST)
	@$(PY) -m scripts.tune

tuning: .venv/ready ## the rule and the tuner against the best found, for a listed set; writes docs/tuning.md (MOST JOBS, an hour)
	@$(PY) -m scripts.tuning

bench: .venv/ready ## simulation speed: cocotb against a bare C++ loop
	@$(PY) -m scripts.bench

accuracy: .venv/ready ## error of the exponential over every input, in ulp
	@$(PY) -m scripts.accuracy

tables: .venv/ready ## run the attention that README quotes and rewrite its tables (minutes)
	@$(PY) -m scripts.tables

results: .venv/ready ## publish the last noc, formal, races and ablation runs in docs/results, README and docs
	@$(PY) -m scripts.results

docs: .venv/ready ## rewrite the generated tables of docs/programming.md
	@$(PY) -m scripts.docs

lint: .venv/ready ## style and import rules
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

clean: ## remove everything that was built
	rm -rf build .venv
