"""The measurands: pure functions from an episode's evidence to measurements, each defined once.

A measurand has one name, one file, one start and one stop event (lab-practice, first table). ``REGISTRY`` maps the
names that ``testplans/guideline-*.yaml`` uses to the functions.
"""
