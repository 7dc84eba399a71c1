"""Loads the bench's pytest plugins; they do nothing unless tests of the plan are asked for."""

pytest_plugins = ["reports.plugin", "fixtures.plugin"]
