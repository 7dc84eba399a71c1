"""The measurands: pure functions from an episode's evidence to measurements, each defined once.

A measurand has one name, one file, one start and one stop event (lab-practice.md 1). The names are
those that ``testplans/guideline-*.yaml`` uses, ``bench.measurands.judged.registry`` maps them to the functions;
``bench.measurands.air`` holds what the air alone tells.

Nothing is imported here, so that ``kenshin measure`` loads the air and nothing else.

* `air`: what the air alone tells
* `judged`: what the plan judges
"""

__all__ = ["air", "judged"]
