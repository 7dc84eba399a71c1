"""``kenshin qualify``: runs the plan over faults and clean seeds, and says which requirement caught which.

The composition root may know both sides: it asks the catalogue of faults (`bench.twin`) and reads the run folders that
``kenshin run`` leaves (`trials`).
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from bench.air.octets import counted
from bench.cli.qualification.matrix import Case, Clean, Judged, Qualification, Ran
from bench.cli.qualification.page import as_json, as_markdown, as_text
from bench.cli.qualification.trials import DIGITS, Trial, run_all
from bench.errors import BenchError, InputError
from bench.evidence.folder import refuse_inside_run
from bench.plan.catalogue import Plan
from bench.plan.schema import GUIDELINE, load_agreement, load_declaration, load_guideline, load_profile
from bench.rooms import PLAN, VIRTUAL_RIG
from bench.twin import faults, topology
from bench.twin.faults import Fault, Place
from fixtures.rig.rig_file import load_rig_file

SHORT: Final = 100
NIGHT_CLEAN: Final = 90
NIGHT_CROWDS: Final = 10
NIGHT_PROFILE: Final = "night"
"""The profile of the clean seeds of a night: each episode as short as it can be judged (testplans/profiles)."""
PARTS: Final = (("steady",), ("outage",), ("mdms", "cut-off"))
"""Episodes that a clean seed of a night drives, the long ones first; a fourth part is all others."""
CROWD_TURNS: Final = 10
"""Nights until each seed of thirty terminals has driven every part."""
WHOLE_EVERY: Final = 20
"""Of the clean seeds of a night, one in so many is run on the whole plan; the others on one part of it, by turns, and
those of thirty terminals always, for their whole plan takes a tenth of the night."""
CROWD: Final = 30
CROWD_RIG: Final = VIRTUAL_RIG.with_name("virtual-thirty.yaml")
CROWD_TERMINALS: Final = PLAN / "declarations" / "virtual-thirty.yaml"
"""The rig with so many terminals, and their declaration."""
CROWD_OPEN: Final = frozenset({"radio-method"})
"""What nobody can decide there: two sniffers amid thirty terminals miss too many frames to prove that one lacks."""


@attrs.frozen(slots=True)
class Asked:
    """What was said: faults (all of the catalogue where none is named), and how the plan is to be run."""

    faults: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    jobs: int | None = None
    out: Path | None = None
    profile: str = "smoke"
    seed: int | None = None
    clean: int = 2
    quick: bool = False
    """Each fault on the episodes that its requirements are judged from, the whole plan where it is missed so."""
    rig: Path | None = None
    topology: Path | None = None
    terminal: Path | None = None
    keep: bool = False
    crowds: int = 0
    """Further clean seeds on the rig of thirty."""
    clean_profile: str = ""
    """The profile of the clean seeds after the first, which faults are compared with; empty: the same."""
    shared: bool = False
    """Faults of different terminals that want the same episodes are tried in one run."""
    parts: bool = False
    """Clean seeds after the first drive a part of the plan each, by turns."""
    turn: int = 0
    """Which night it is: in the next one each seed has the next part."""

    @property
    def plan_options(self) -> tuple[str, ...]:
        given = [f"--profile={self.profile}", *(f"--requirement={one}" for one in self.requirements)]
        files = {"rig": self.rig, "topology": self.topology, "terminal": self.terminal}
        return (*given, *(f"--{name}={path}" for name, path in files.items() if path is not None))

    @property
    def topology_file(self) -> Path:
        """The topology that the runs have. InputError where the rig is none of the twin's."""
        rig = self.rig or VIRTUAL_RIG
        path = self.topology or load_rig_file(rig).topology
        if path is None:
            raise InputError(f"{rig}: no virtual rig; expected one with a topology, in which faults can be seeded")
        return path

    def at_night(self, turn: int = 0) -> Asked:
        """The same as a night asks for it: a hundred clean seeds, ten of them crowded, quick, and by turns."""
        clean = attrs.evolve(self, clean=NIGHT_CLEAN, crowds=NIGHT_CROWDS, clean_profile=NIGHT_PROFILE, parts=True)
        return attrs.evolve(clean, quick=True, shared=True, turn=turn)


def qualify(asked: Asked, say: Callable[[str], None]) -> int:
    """Run it all, say what is found, write it to ``asked.out``; the exit code. InputError before anything is run."""
    rig = topology.load(asked.topology_file)
    cases = [one for spec in asked.faults for one in _cases(spec, rig)] or _catalogue(asked, rig)
    for case in cases:
        topology.check_fault(rig, case.subject, case.spec)
        _check_rows(case)
    seed = asked.seed if asked.seed is not None else rig.seed
    trials = _trials(asked, list(dict.fromkeys(cases)), seed)
    with _folder(asked.out) as folder:
        ran = run_all(trials, folder, asked.jobs, asked.keep, say)
        found = _found(trials, ran, asked, seed)
        if asked.out is not None:
            _write(found, asked.out)
    print(as_text(found), end="")
    if len(ran) < len(trials):
        kept = f"; go on with --out {asked.out}" if asked.out is not None else ""
        raise BenchError(f"stopped after {len(ran)} of {counted(len(trials), 'run')}{kept}")
    return found.code


def _trials(asked: Asked, cases: Sequence[Case], seed: int) -> list[Trial]:
    """Every run: the one that faults are compared with, the faults, the clean seeds, longest first."""
    plan = asked.plan_options
    first = Trial(f"clean-{seed}", seed, (*plan, f"--seed={seed}"), plan=asked.profile)
    other = asked.clean_profile or asked.profile
    fewer = tuple(f"--profile={other}" if one.startswith("--profile=") else one for one in plan)
    after = seed + max(1, asked.clean)
    clean = [
        Trial(f"clean-{number}-{_title(other)}", number, (*fewer, f"--seed={number}"), plan=other)
        for number in range(seed + 1, after)
    ]
    picked = tuple(f"--requirement={one}" for one in asked.requirements)
    crowd = (f"--rig={CROWD_RIG}", f"--terminal={CROWD_TERMINALS}", f"--profile={other}", *picked)
    crowds = [
        Trial(f"crowd-{number}", number, (*crowd, f"--seed={number}"), plan=other, terminals=CROWD)
        for number in range(after, after + asked.crowds)
    ]
    if asked.parts:
        clean, crowds = _by_turns(clean, asked.turn), _by_turns(crowds, asked.turn)
    terminals = topology.load(asked.topology_file).fault_places if asked.shared else {}
    tried = [
        Trial(
            _title(case.option),
            seed,
            (*plan, f"--seed={seed}", f"--fault={case.option}"),
            case,
            _own_episodes(case) if asked.quick else (),
            terminal=_terminal(case, terminals),
        )
        for case in cases
    ]
    return [first, *tried, *crowds, *clean]


def _terminal(case: Case, places: Mapping[str, Place]) -> str:
    """The terminal that a fault sits at, or at a meter of which; empty where it sits elsewhere."""
    name = case.subject.partition(".")[0]
    return name if places.get(name) is Place.TERMINAL else ""


def _by_turns(clean: Sequence[Trial], turn: int) -> list[Trial]:
    """The same, on the whole plan one in `WHOLE_EVERY` that is no crowd, else on a part of it."""
    rows = [row.interpretation for row in load_guideline(GUIDELINE).requirements]
    named = dict.fromkeys(name for meant in rows if meant is not None for name in meant.episodes)
    parts = [*PARTS, tuple(name for name in named if not any(name in part for part in PARTS))]
    found = []
    for one in clean:
        place = (one.seed + turn) % (CROWD_TURNS if one.terminals else WHOLE_EVERY)
        if place or one.terminals:
            # Of thirty terminals the long parts take as much as all others of a turn: once each, then the short ones.
            which = min(place, 2 + place % 2) if one.terminals else place % len(parts)
            options = (*one.options, *(f"--episode={name}" for name in parts[which]))
            title, plan = f"{one.title}-{which}", f"{one.plan}: {', '.join(parts[which])}"
            one = attrs.evolve(one, title=title, options=options, plan=plan)
        found.append(one)
    return found


def _own_episodes(case: Case) -> tuple[str, ...]:
    """The options that drive what the requirements of a fault are judged from; none where one is judged otherwise."""
    rows = {row.id: row.interpretation for row in load_guideline(GUIDELINE).requirements}
    read = [meant.episodes if (meant := rows.get(name)) is not None else () for name in case.turns]
    if not read or not all(read):
        return ()
    return tuple(f"--episode={name}" for name in dict.fromkeys(name for episodes in read for name in episodes))


def _found(trials: Sequence[Trial], ran: Mapping[str, Ran], asked: Asked, seed: int) -> Qualification:
    reference = ran.get(trials[0].title, Ran.none())
    if not reference.ended:
        raise BenchError(f"the clean run with seed {seed} gave no verdicts: {reference.why}")
    clean = [
        Clean(one.seed, ran[one.title], one.plan, one.terminals, CROWD_OPEN if one.terminals else frozenset())
        for one in trials
        if one.case is None and one.title in ran
    ]
    cases = [(one.case, ran.get(one.title, Ran.none())) for one in trials if one.case is not None]
    judged = [Judged(case, gave, reference.verdicts) for case, gave in cases]
    return Qualification(_command(asked, seed), clean, judged)


def _command(asked: Asked, seed: int) -> str:
    """What was asked, as it stands on a command line."""
    said = [f"--profile {asked.profile}", f"--seed {seed}", *(f"--requirement {one}" for one in asked.requirements)]
    files = {"rig": asked.rig, "topology": asked.topology, "terminal": asked.terminal}
    said += [f"--{name} {path}" for name, path in files.items() if path is not None]
    said += [f"--fault {one}" for one in asked.faults]
    if asked == attrs.evolve(asked, quick=False).at_night(asked.turn):
        said += ["--nightly", *([f"--turn {asked.turn}"] if asked.turn else [])]
    else:
        said += [
            f"--clean {asked.clean}",
            *(["--quick"] if asked.quick else []),
            *(["--shared"] if asked.shared else []),
        ]
        said += [f"--thirty {asked.crowds}"] if asked.crowds else []
    return " ".join(["kenshin qualify", *said])


# -- which faults -----------------------------------------------------------------------------------------------------


def _catalogue(asked: Asked, rig: topology.Topology) -> list[Case]:
    """The built-in faults that the plan as asked can turn anything of, at the places that they name.

    What does not apply to the terminal cannot be turned: a transparent one has no store, a store type passes no calls.
    """
    wanted = set(asked.requirements) or _applying(asked)
    built = [cls for cls in faults.BUILT_IN if wanted & set(_fault(cls.name).turns)]
    return [case for cls in built for case in _cases(cls.name, rig)]


def _applying(asked: Asked) -> set[str]:
    """The requirements that are measured and apply to the declared terminal."""
    declaration = load_declaration(asked.terminal) if asked.terminal is not None else load_declaration()
    plan = Plan(load_guideline(), declaration, load_agreement(), load_profile(asked.profile))
    return {one for one in plan.measured(plan.judged()) if not plan.requirement(one).not_applicable}


def _cases(spec: str, rig: topology.Topology) -> list[Case]:
    """The cases of one ``--fault``: ``[SUBJECT:]FAULT``; a file by itself stands for every fault in it."""
    subject, colon, rest = spec.partition(":")
    if colon and subject in rig.fault_places:
        return [_case(rest, subject)]
    if re.fullmatch(r"[^:,]+\.py", spec):
        own = faults.classes_in(spec)
        if not own:
            raise InputError(f"--fault {spec}: no fault in it; expected subclasses of bench.twin.faults.Fault")
        return [case for cls in own for case in _cases(f"{spec}:{cls.__name__}", rig)]
    return [_case(spec, place) for place in _subjects(_fault(spec), rig)]


def _fault(spec: str) -> Fault:
    return faults.make(spec)


def _case(spec: str, subject: str) -> Case:
    fault = _fault(spec)
    lines = (type(fault).__doc__ or "").strip().split("\n\n")[0]
    return Case(spec, subject, _words(fault.turns), _words(fault.also), " ".join(lines.split()))


def _check_rows(case: Case) -> None:
    """InputError where a fault names a requirement that there is not: it would count as missed for ever."""
    known = [row.id for row in load_guideline(GUIDELINE).requirements]
    for attribute, names in (("turns", case.turns), ("also", case.also)):
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                meant = near[0] if near else f"one of {', '.join(known)}"
                raise InputError(f"--fault {case.spec}: {attribute} names '{name}', no requirement; expected {meant}")


def _words(said: object) -> tuple[str, ...]:
    if isinstance(said, str):
        return (said,) if said else ()
    return tuple(map(str, said)) if isinstance(said, Iterable) else ()


def _subjects(fault: Fault, rig: topology.Topology) -> list[str]:
    """Where a fault that nobody placed sits: at what its class names, else at the first subject of its kind.

    Built-in ones name subjects of the virtual rig, and sit elsewhere on another one.
    """
    known, said = rig.fault_places, _words(fault.at)
    if type(fault) not in faults.BUILT_IN and (
        unknown := [name for name in said if name not in known and name not in set(Place)]
    ):
        there = ", ".join([*known, *(place for place in Place if place not in known)])
        raise InputError(f"fault '{fault.name}': at names '{unknown[0]}', which is not there; expected one of {there}")
    if named := [name for name in said if name in known]:
        return named
    kinds = [Place(name) for name in said if name in set(Place)] or faults.places(type(fault))
    if not kinds:
        raise InputError(f"fault '{fault.name}' overrides no hook; expected one at least")
    first = next((name for name, kind in known.items() if kind is kinds[0]), None)
    if first is None:
        raise InputError(f"fault '{fault.name}' sits at a {kinds[0]}; the rig has none")
    return [first]


# -- what is left -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """Where the runs go: below ``out``, else somewhere that is gone afterwards."""
    if out is None:
        with tempfile.TemporaryDirectory(prefix="kenshin-qualify-") as scratch:
            yield Path(scratch)
        return
    refuse_inside_run(out)
    runs = out / "runs"
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made ({error.strerror}); expected a writable place") from None
    yield runs


def _write(found: Qualification, out: Path) -> None:
    (out / "qualification.md").write_text(as_markdown(found), encoding="utf-8")
    text = json.dumps(as_json(found), indent=1, ensure_ascii=False)
    (out / "qualification.json").write_text(text + "\n", encoding="utf-8")


def _title(option: str) -> str:
    """A folder's name for a fault, with a few digits that tell apart what else would be called alike."""
    plain = re.sub(r"[^a-z0-9]+", "-", option.lower()).strip("-")
    return f"{plain[:SHORT]}-{hashlib.sha256(option.encode()).hexdigest()[:DIGITS]}"


def to_stderr(line: str) -> None:
    """Say a line to people, whatever takes the output."""
    print(line, file=sys.stderr, flush=True)
