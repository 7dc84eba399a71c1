"""Files as strangers write them: any style of class, today's page and the one before it; wrong ones are one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.twin import faults
from tests.places import ROOT
from tests.twin.twin_rigs import Bench, days, topology

STYLES = {
    "of the page before": """
        import attrs
        from bench.twin.faults import Fault
        from bench.twin.terminal.standin import Value

        @attrs.define
        class Theirs(Fault):
            seconds: float = 5
            start: int = 3
            lamp: str = "green"
            name = "theirs"
            def registers_after_s(self):
                return self.seconds
            def mark_value(self, value, previous_index, operational):
                return Value(value.meter, value.mark_ns, value.index)
            def keep_mark(self, value, operational):
                return True
            def values_to_upload(self, recovery, values):
                return values
            def keep_alarm(self, alarm, operational):
                return True
    """,
    "a dataclass": """
        from dataclasses import dataclass, field
        from bench.twin.faults import Fault

        @dataclass
        class Theirs(Fault):
            seconds: float = 5
            seen: list = field(default_factory=list)
            def registers_after_s(self):
                self.seen.append(self.now_ns)
                return self.seconds
    """,
    "frozen": """
        import attrs
        from bench.twin.faults import Fault

        @attrs.frozen
        class Theirs(Fault):
            seconds: "float" = 5
            turns: tuple[str, ...] = ("join-time",)
            def registers_after_s(self):
                return self.seconds
    """,
    "plain, with an __init__ of its own": """
        from bench.twin.faults import Fault

        class Theirs(Fault):
            turns = "join-time"
            def __init__(self, seconds=5):
                self.seconds = seconds + 0 * self.rng.random()
            def registers_after_s(self):
                return self.seconds
    """,
    "a generator, and a set": """
        from bench.twin.faults import Fault, Hello

        class Theirs(Fault):
            seconds = 5
            def message_out(self, message, terminal):
                if isinstance(message, Hello):
                    yield (self.seconds, message)
                else:
                    yield message
            def memory_lost(self, dark_s):
                return {"delivered"}
    """,
    "a pair by itself": """
        from bench.twin.faults import Fault, Hello

        class Theirs(Fault):
            def message_out(self, message, terminal):
                return (5.0, message) if isinstance(message, Hello) else message
    """,
}


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "theirs.py"
    lines = text.strip("\n").splitlines()
    path.write_text("\n".join(line.removeprefix("        ") for line in lines), encoding="utf-8")
    return f"{path}:Theirs"


@pytest.mark.parametrize("style", STYLES)
def test_a_class_of_any_style_is_taken(style: str, tmp_path: Path) -> None:
    spec = written(tmp_path, STYLES[style])
    plain = Bench()
    bench = Bench(topology({"t1": (spec,)}))
    for one in (plain, bench):
        one.install()
        one.run(days(1.2))
    late, right = (one.of("terminal.reachable")[0]["t_ns"] for one in (bench, plain))
    assert late - right in (4 * 10**9, 5 * 10**9, 10**9)  # from the press, or from when it was in the mesh
    assert len(bench.delivered("t1.gas")) == len(plain.delivered("t1.gas"))
    [fault] = bench.rig.faults
    assert fault.fired >= 1
    assert fault.described["class"] == "theirs.py:Theirs"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("class Theirs(:", "cannot be loaded .SyntaxError"),
        ("import nothing_of_the_kind", "cannot be loaded .ModuleNotFoundError"),
        ("class Theirs: pass", "is no fault; expected a subclass"),
        ("from bench.twin.faults import Fault\nclass Other(Fault): pass", "no Theirs in it"),
        (
            "from bench.twin.faults import Fault\nclass Theirs(Fault):\n    def keep_alarms(self, a, o): return True",
            "keep_alarms is no hook; expected keep_alarm",
        ),
        (
            "from bench.twin.faults import Fault\nclass Theirs(Fault):\n def __init__(self): raise OSError('no\\nway')",
            "does not take its options: OSError: no way",
        ),
    ],
)
def test_a_wrong_file_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says) as wrong:
        faults.make(written(tmp_path, text))
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("late-join,seconds=30", {"seconds": 30}),
        (
            "a.b:C,nth=2,meters=[1,2],word=some text,on=true",
            {"nth": 2, "meters": [1, 2], "word": "some text", "on": True},
        ),
        ({"late-join": None}, {}),
    ],
)
def test_options_as_they_are_written(spec: Any, options: dict[str, Any]) -> None:
    name, found = faults.parsed(spec)
    assert found == options
    assert faults.parsed(faults.written(spec)) == (name, options)


def test_the_guide_tells_every_hook_and_every_action() -> None:
    guide = (ROOT / "docs" / "guides" / "fault.md").read_text(encoding="utf-8")
    assert not [hook for hook in faults.HOOKS if f"`{hook}(" not in guide]
    own = {name for name, value in vars(faults.Fault).items() if callable(value) and not name.startswith("_")}
    assert not [action for action in own - set(faults.HOOKS) if f"self.{action}(" not in guide]
