"""The mesh's networks: routing, arbitration, forks, joins."""
