"""Stored inputs: what a run was asked is what its version said, whatever the models say today."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import pytest
from pydantic import Field, create_model

from bench.errors import InputError
from bench.evidence.folder import RunFolder
from bench.evidence.upgrade import upgraded
from bench.formats import RUN_RECORD
from bench.plan import catalogue
from bench.plan.catalogue import INPUT_MODELS, Plan
from bench.plan.schema import Profile
from bench.yamlfile import load_source
from tests.places import RUNS

MODELS_OF: Final = {6: "eeddde0a6f47a894"}
"""Digest of the models' fields, by the format of the run record whose inputs they read."""


def raw(version: int) -> dict[str, Any]:
    return dict(load_source(RUNS / str(version) / "run.yaml").data)


def digest() -> str:
    """Of the names, types and defaults of all that a run is asked; not of the words that explain them."""
    schemas = {name: without_words(model.model_json_schema()) for name, model in INPUT_MODELS.items()}
    return hashlib.sha256(json.dumps(schemas, sort_keys=True).encode()).hexdigest()[:16]


def without_words(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: without_words(value) for key, value in schema.items() if key not in ("description", "title")}
    return [without_words(item) for item in schema] if isinstance(schema, list) else schema


def test_models_change_with_the_format() -> None:
    assert MODELS_OF[RUN_RECORD.version] == digest(), (
        "what a plan asks has changed: raise bench.formats.RUN_RECORD, add a step to bench/evidence/upgrade.py that "
        "says what older runs were asked, and store a golden run (tests/data/runs/README.md)"
    )


def test_the_first_two_versions_were_asked_the_same() -> None:
    asked = [Plan.from_inputs(RunFolder.open(RUNS / str(version)).inputs()) for version in (1, 2)]
    assert asked[0] == asked[1]


def test_before_version_3_no_paper_was_asked_for() -> None:
    asked = Plan.from_inputs(RunFolder.open(RUNS / "2").inputs())
    assert asked.measured(asked.judged()) == asked.judged()
    assert (asked.agreement.documents, asked.declaration.certificates) == ((), ())
    assert "service-level" in [row.requirement for row in asked.not_judged()]


def test_a_version_1_that_left_something_unsaid_is_asked_what_version_1_meant() -> None:
    """Early runs may lack fields that models of version 1 filled in."""
    whole, sparse = raw(1), raw(1)
    for row in sparse["guideline"]["requirements"]:
        for field in ("label", "remarks", "not_judged"):
            if row[field] == "":
                del row[field]
        if row["interpretation"] is not None:
            assert row["interpretation"].pop("rounding") == "none"
            del row["interpretation"]["applies_to"]["functions"]
    del sparse["agreement"]["decision"]
    assert sparse["agreement"].pop("alarm_time_tolerance_s") == 60.0
    assert sparse["profile"].pop("confidence") == 0.95
    for sample in sparse["declaration"]["samples"]:
        del sample["modifications"]
    functions = [
        row["interpretation"]["applies_to"] for row in whole["guideline"]["requirements"] if row["interpretation"]
    ]
    for scope in functions:
        scope["functions"] = []
    assert upgraded(sparse, "run.yaml") == upgraded(whole, "run.yaml")


@pytest.mark.parametrize("version", RUN_RECORD.reads)
def test_a_field_of_tomorrow_cannot_change_what_a_run_was_asked(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with one more field and another default: the stored run is refused by name, not read with a default."""
    tomorrow = create_model(
        "Tomorrow", __base__=Profile, patience_s=(float, 60.0), confidence=(float, Field(default=0.5))
    )
    monkeypatch.setitem(catalogue.INPUT_MODELS, "profile", tomorrow)
    with pytest.raises(InputError, match=r"^run\.yaml:profile: no 'patience_s'; expected the inputs of a run to say"):
        Plan.from_inputs(RunFolder.open(RUNS / str(version)).inputs())
    monkeypatch.setitem(
        catalogue.INPUT_MODELS,
        "profile",
        create_model("Other", __base__=Profile, confidence=(float, Field(default=0.5))),
    )
    assert Plan.from_inputs(RunFolder.open(RUNS / str(version)).inputs()).profile.confidence == 0.95


def test_what_is_left_out_deep_inside_is_found() -> None:
    inputs = upgraded(raw(2), "run.yaml")
    judged = next(n for n, row in enumerate(inputs["guideline"]["requirements"]) if row["interpretation"])
    del inputs["guideline"]["requirements"][judged]["interpretation"]["statistic"]
    with pytest.raises(InputError, match=rf"guideline\.requirements\[{judged}\]\.interpretation: no 'statistic'"):
        Plan.from_inputs(inputs)


def test_a_run_of_version_1_knows_no_commit() -> None:
    driven_by = RunFolder.open(RUNS / "1").inputs()["driven_by"]
    assert driven_by == {"version": raw(1)["versions"]["kenshin-bench"], "commit": None, "dirty": None}
    assert len(RunFolder.open(RUNS / "2").inputs()["driven_by"]["commit"]) == 40
