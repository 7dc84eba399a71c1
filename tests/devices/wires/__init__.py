"""Wires under the drivers."""
