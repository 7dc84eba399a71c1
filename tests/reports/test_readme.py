"""What the documents promise is there: files that they link, commands that they list, faults that they name."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from bench.cli.app import app
from bench.twin.faults import registry
from tests.places import ROOT

READMES = ["README.md", "README.ja.md"]


@pytest.mark.parametrize("name", READMES)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", READMES)
def test_listed_commands_are_those_of_the_command_line(name: str) -> None:
    listed = set(re.findall(r"^\| `kenshin ([\w-]+)", (ROOT / name).read_text("utf-8"), re.M))
    shown = [command for command in app.registered_commands if not command.hidden]
    named = {command.callback.__name__.replace("_", "-") for command in shown if command.callback}
    assert listed == named | {group.name for group in app.registered_groups}


@pytest.mark.parametrize("name", READMES)
def test_named_faults_exist(name: str) -> None:
    line = next(line for line in (ROOT / name).read_text("utf-8").splitlines() if "--fault t3:" in line)
    named = set(re.findall(r"[a-z]+(?:-[a-z]+)+", line.partition("t3:")[2]))
    assert named
    assert named <= set(registry())


def test_readmes_name_the_same_files() -> None:
    paths = [set(re.findall(r"`([a-z_]+/[a-z_./-]*)`", (ROOT / name).read_text("utf-8"))) for name in READMES]
    assert paths[1] <= paths[0] | {"runs/"}
    for path in paths[0] - {"runs/"}:
        assert (ROOT / path).exists(), path


def test_picture_is_well_formed() -> None:
    assert ET.parse(ROOT / "docs" / "picture.svg").getroot().tag.endswith("svg")
