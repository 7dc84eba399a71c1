"""No password, token or key of the air gets into a run unless it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.plan.inputs import rig_by_value
from bench.plan.withheld import WITHHELD, withheld
from bench.rooms import VIRTUAL_RIG
from fixtures.rig.rig_file import load_rig_file
from tests.places import ROOT

EXAMPLE = ROOT / "fixtures" / "rigs" / "lab-example.yaml"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"password": "x", "user": "lab"}, {"password": WITHHELD, "user": "lab"}),
        ({"a": [{"api_key": "x"}, {"Token": 7}]}, {"a": [{"api_key": WITHHELD}, {"Token": WITHHELD}]}),
        ({"gtks": ["00:11", "22"]}, {"gtks": [WITHHELD, WITHHELD]}),
        ({"lgtks": ["00:11"]}, {"lgtks": [WITHHELD]}),
        ({"url": "https://me:pw@example.org/a"}, {"url": f"https://{WITHHELD}@example.org/a"}),
        ({"url": "http://h/?a=1&access_token=zz#f"}, {"url": f"http://h/?a=1&access_token={WITHHELD}#f"}),
        ({"url": "http://h/?a=1", "key": "client.pem"}, {"url": "http://h/?a=1", "key": "client.pem"}),
        ({"psk": None, "secret": True}, {"psk": None, "secret": True}),
    ],
)
def test_secrets_are_replaced_by_words(said: object, kept: object) -> None:
    assert withheld(said) == kept


def test_a_rig_file_by_value_holds_none() -> None:
    rig = load_rig_file(VIRTUAL_RIG)
    told = rig_by_value(rig.source)
    assert rig.options.keys.gtks[0] not in str(told)
    assert told["options"]["bench"]["keys"]["gtks"] == [WITHHELD]


def test_keys_are_kept_where_they_are_made_up_or_asked_for(tmp_path: Path) -> None:
    assert load_rig_file(VIRTUAL_RIG).options.keeps_keys
    assert load_rig_file(EXAMPLE).options.keeps_keys
    unsaid = tmp_path / "rig.yaml"
    unsaid.write_text(EXAMPLE.read_text("utf-8").replace(", in_run: true", ""), "utf-8")
    assert not load_rig_file(unsaid).options.keeps_keys
