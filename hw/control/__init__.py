"""Tile control: L1, semaphores, program memory, sequencers, and the engines that move data in and
out.
"""
