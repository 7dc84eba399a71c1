"""docs/guides/server.md works as it is written: an operator's adapter, loaded as a make of the family of servers."""

from __future__ import annotations

from pathlib import Path

from tests.guides.guide import register, run, write_files

PAGE = "server.md"


def test_the_guides_adapter_works_from_its_own_folder(tmp_path: Path) -> None:
    made = write_files(PAGE, tmp_path)
    assert sorted(path.name for path in made) == ["__init__.py", "driver.py", "test_acme.py"]
    register(tmp_path, "acme", "kenshin.devices", acme="acme:FAMILY")
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path / "acme")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_a_make_of_no_family_is_wrong_input(tmp_path: Path) -> None:
    write_files(PAGE, tmp_path)
    package = tmp_path / "acme" / "__init__.py"
    package.write_text(package.read_text("utf-8").replace('make_of="server"', 'make_of="servers"'), "utf-8")
    register(tmp_path, "acme", "kenshin.devices", acme="acme:FAMILY")
    done = run(tmp_path, "-m", "bench.cli", "plan")
    assert done.returncode == 2
    assert "device family 'acme-server': a make of 'servers', which is no family" in done.stderr
