"""What a stored run was asked, whatever version wrote it: one step a version, from plain values to plain values.

A stored run is never read by today's models first: a field that a model gets tomorrow, with a default, would change
what last year's run was asked. Each step says in words of its own what its version left unsaid, and is never edited
again. After the last step everything is said; `bench.plan.catalogue` refuses what leaves a model something to fill in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from bench.formats import KEY, RUN_RECORD, UNNUMBERED

Inputs = dict[str, Any]
Filling = Mapping[str, Any]


def upgraded(stored: Mapping[str, Any], source: object) -> Inputs:
    """Inputs of any version that this bench reads, as the newest has them; InputError for an unknown version."""
    inputs = dict(stored)
    for version in range(RUN_RECORD.check(inputs.get(KEY, UNNUMBERED), source), RUN_RECORD.version):
        inputs = {**_STEPS[version](inputs), KEY: version + 1}
    return inputs


# -- 1 -> 2: the code that drove has a commit; what the models of version 1 filled in is said -------------------------

_OVERRIDES_1: Final[Filling] = {"unit": "", "limit": None, "statistic": "", "note": ""}
_DECLARATION_1: Final[Filling] = {"note": ""}
_SAMPLE_1: Final[Filling] = {"modifications": "none", "timers": ""}
_AGREEMENT_1: Final[Filling] = {
    "alarm_delay_s": None,
    "alarm_outage_delay_s": None,
    "alarm_time_tolerance_s": 60.0,
    "decision": {},
    "interpretation": {},
    "note": "",
}
_DECISION_1: Final[Filling] = {"rule": "simple acceptance", "k": 2.0, "strict_targets": False}
_PROFILE_1: Final[Filling] = {"confidence": 0.95, "interpretation": {}, "note": ""}
_ROW_1: Final[Filling] = {"label": "", "remarks": "", "interpretation": None, "not_judged": ""}
_READING_1: Final[Filling] = {
    "unit": "",
    "limit": None,
    "limit_from": "",
    "comparison": "at most",
    "statistic": "maximum",
    "rounding": "none",
    "applicability": "",
    "applies_to": {},
    "owner": "profile",
    "note": "",
}
_SCOPE_1: Final[Filling] = {"types": [], "functions": []}


def _from_1(inputs: Inputs) -> Inputs:
    said: Inputs = {"strict_targets": False, "faults": [], **inputs}
    said["driven_by"] = {"version": inputs.get("versions", {}).get("kenshin-bench", ""), "commit": None, "dirty": None}
    for key, filled in (("declaration", _declaration_1), ("agreement", _agreement_1), ("profile", _profile_1)):
        if isinstance(said.get(key), dict):
            said[key] = filled(said[key])
    if isinstance(said.get("guideline"), dict):
        said["guideline"] = _inside(said["guideline"], "requirements", _row_1)
    return said


def _declaration_1(told: Inputs) -> Inputs:
    told = _inside({**_DECLARATION_1, **told}, "samples", lambda sample: {**_SAMPLE_1, **sample})
    return _inside(told, "observable", lambda seen: {"console": "none", **seen})


def _agreement_1(told: Inputs) -> Inputs:
    told = _inside({**_AGREEMENT_1, **told}, "decision", lambda decision: {**_DECISION_1, **decision})
    return _overridden_1(told)


def _profile_1(told: Inputs) -> Inputs:
    return _overridden_1({**_PROFILE_1, **told})


def _overridden_1(told: Inputs) -> Inputs:
    """The overrides of a profile or an agreement, by requirement."""
    if not isinstance(told["interpretation"], dict):
        return told
    names = told["interpretation"]
    return {**told, "interpretation": {name: {**_OVERRIDES_1, **dict(names[name])} for name in names}}


def _row_1(row: Inputs) -> Inputs:
    return _inside({**_ROW_1, **row}, "interpretation", _reading_1)


def _reading_1(told: Inputs) -> Inputs:
    return _inside({**_READING_1, **told}, "applies_to", lambda scope: {**_SCOPE_1, **scope})


# -- 2 -> 3: requirements that papers answer, and the papers that are named --------------------------------------------

_DECLARATION_2: Final[Filling] = {"certificates": []}
_SAMPLE_2: Final[Filling] = {"certificates": []}
_AGREEMENT_2: Final[Filling] = {"documents": []}
_ROW_2: Final[Filling] = {"by_document": None}


def _from_2(inputs: Inputs) -> Inputs:
    said = dict(inputs)
    for key, filling, inner, filled in (
        ("declaration", _DECLARATION_2, "samples", _SAMPLE_2),
        ("agreement", _AGREEMENT_2, "", {}),
        ("guideline", {}, "requirements", _ROW_2),
    ):
        if isinstance(told := said.get(key), dict):
            said[key] = _inside({**filling, **told}, inner, partial(_filled, filled))
    return said


def _filled(filling: Filling, told: Inputs) -> Inputs:
    return {**filling, **told}


def _inside(told: Inputs, key: str, filled: Callable[[Inputs], Inputs]) -> Inputs:
    """``told`` with the mapping at ``key``, or each of the list there, filled in; the rest stays, to be refused."""
    inner = told.get(key)
    if isinstance(inner, dict):
        return {**told, key: filled(inner)}
    if isinstance(inner, list):
        return {**told, key: [filled(item) if isinstance(item, dict) else item for item in inner]}
    return told


# -- 3 -> 4: the agreement may say how far from the hour mark a register is read -------------------------------------

_AGREEMENT_3: Final[Filling] = {"hour_mark_error_s": None}


def _from_3(inputs: Inputs) -> Inputs:
    agreement = inputs.get("agreement")
    return {**inputs, "agreement": {**_AGREEMENT_3, **agreement}} if isinstance(agreement, dict) else inputs


# -- 4 -> 5: gap filling, how readings come to the MDMS, and control commands -----------------------------------------

_AGREEMENT_4: Final[Filling] = {"gap_filling_s": None, "mdms_ways": [], "control_success_rate": None}
_DECLARATION_4: Final[Filling] = {"valve_cycles": 0}
_SAMPLE_4: Final[Filling] = {"valves": []}
_PROFILE_4: Final[Filling] = {"controls": 2}


def _from_4(inputs: Inputs) -> Inputs:
    said = _inside(inputs, "agreement", lambda told: {**_AGREEMENT_4, **told})
    said = _inside(said, "profile", lambda told: {**_PROFILE_4, **told})
    return _inside(said, "declaration", _declaration_4)


def _declaration_4(told: Inputs) -> Inputs:
    return _inside({**_DECLARATION_4, **told}, "samples", lambda sample: {**_SAMPLE_4, **sample})


# -- 5 -> 6: episodes that count besides those that a requirement needs; backup in an outage ---------------------------

_READING_5: Final[Filling] = {"also": []}
_SCOPE_5: Final[Filling] = {"agreed": []}
_AGREEMENT_5: Final[Filling] = {"backup_meter_s": None, "backup_concentrator_s": None}


def _from_5(inputs: Inputs) -> Inputs:
    said = _inside(inputs, "agreement", lambda told: {**_AGREEMENT_5, **told})
    return _inside(said, "guideline", lambda told: _inside(told, "requirements", _row_5))


def _row_5(row: Inputs) -> Inputs:
    return _inside(row, "interpretation", _reading_5)


def _reading_5(told: Inputs) -> Inputs:
    return _inside({**_READING_5, **told}, "applies_to", partial(_filled, _SCOPE_5))


_STEPS: Final[Mapping[int, Callable[[Inputs], Inputs]]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
    5: _from_5,
}
"""By the version that they start from."""
