"""Testbenches: cocotb drivers, monitors, scoreboards and benches, and the runner that builds and
starts simulations.
"""
