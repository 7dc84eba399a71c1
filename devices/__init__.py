"""The devices of a bench: one file or folder a family, with labgrid resource, driver, and beside it the impersonator.

A driver speaks to a real device and to its impersonator alike; it never knows which. Impersonators import the ports
protocol of ``bench.ports`` and nothing of labgrid, so that the twin loads them by name at little cost; drivers never
import the twin. ``devices.resources`` registers everything with labgrid for a rig file's ``imports:``.
"""
