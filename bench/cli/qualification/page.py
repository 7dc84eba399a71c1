"""A qualification in words: as a terminal shows it, as the page ``docs/qualification.md``, as JSON for machines.

Nothing of the page is written by hand: what it says of how it was made, and by which code, comes out of the runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from bench.air.octets import counted
from bench.cli.qualification.matrix import Clean, Judged, Qualification, Scope, Status
from bench.formats import KEY, QUALIFICATION

GUIDE: Final = "/".join(("guides", "fault.md"))
"""Where the page that is made stands beside it (seen from here it is docs/guides/fault.md)."""
LEGEND: Final = (
    ("●", "turned red as it should"),
    ("○", "should have turned red and did not"),
    ("+", "turned red as a stated consequence"),
    ("!", "turned red and nobody said so"),
    ("?", "became inconclusive"),
    ("·", "as in the clean run"),
    ("blank", "not judged"),
)


def as_text(found: Qualification) -> str:
    """The matrix as a terminal shows it, the score below it, and what was missed on the last lines."""
    names = found.requirements
    widest = max((len(one.case.option) for one in found.judged), default=0)
    lines = [f"{number:>3}  {name}" for number, name in enumerate(names, start=1)]
    head = " ".join(f"{number:>2}" for number in range(1, len(names) + 1))
    lines += ["", f"{'':{widest}} {head}  fired"]
    for one in found.judged:
        cells = " ".join(f" {one.cell(name)}" for name in names)
        lines.append(f"{one.case.option:{widest}} {cells}  {one.ran.fired:>5}  {one.status}")
    lines += ["", "; ".join(f"{sign} {says}" for sign, says in LEGEND), "", *_score(found)]
    return "\n".join(lines) + "\n"


def as_markdown(found: Qualification) -> str:
    """``docs/qualification.md``: the misses on top, the score, the matrix, and what each fault does."""
    lines = [
        "# What the plan would have caught",
        "",
        f"Made by `{found.command}`; nothing here is written by hand.",
        *_made_by(found),
        *_took(found),
        "",
        *_how(found),
        f"How to write one: [{GUIDE}]({GUIDE}).",
        "",
        *_misses(found),
        "## Score",
        "",
        *(f"* {line}" for line in _score(found, misses=False)),
        "",
        *_matrix(found),
        *_clean(found),
        *_faults(found),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def as_json(found: Qualification) -> dict[str, Any]:
    """The same for machines."""
    return {
        KEY: QUALIFICATION.version,
        "command": found.command,
        "made_by": sorted(_commits(found)),
        "processor_s": round(found.processor_s, 1),
        "score": {"caught": found.caught, "tried": found.tried, "faults": len(found.judged)},
        "clean_seeds": sorted(clean.seed for clean in found.clean),
        "clean": [
            {
                "seed": clean.seed,
                "plan": clean.plan,
                "terminals": clean.terminals,
                "ended": clean.ran.ended,
                "left_open": [list(key) for key in clean.left_open],
            }
            for clean in found.clean
        ],
        "false_alarms": [[clean.seed, *key] for clean, key in found.false_alarms],
        "faults": [
            {
                **attrs.asdict(one.case),
                "status": str(one.status),
                "plan": str(one.ran.scope),
                "fired": one.ran.fired,
                "turned": [list(key) for key in one.turned],
                "undecided": [list(key) for key in one.undecided],
                "extras": [list(key) for key in one.extras],
                "marks": [dict(mark) for mark in one.ran.marks],
                "why": one.ran.why,
            }
            for one in found.judged
        ],
    }


def told(one: Judged) -> str:
    """What became of a fault, on one line."""
    said = [f"{one.case.option}: {one.status}"]
    if one.status is Status.FAILED:
        said.append(one.ran.why or f"exit code {one.ran.code}")
    elif not one.status.good and one.case.turns:
        said.append(f"should turn {' or '.join(one.case.turns)} red")
    for what, keys in (("turned", one.turned), ("undecided", one.undecided)):
        if keys and one.status is not Status.CAUGHT:
            said.append(f"{what}: {', '.join(f'{name} of {subject}' for name, subject in keys)}")
    return "; ".join(said)


def _commits(found: Qualification) -> Counter[str]:
    """How many runs each code state made."""
    ran = [one.ran for one in found.judged] + [clean.ran for clean in found.clean]
    return Counter(one.made_by for one in ran if one.made_by)


def _made_by(found: Qualification) -> Iterable[str]:
    commits = _commits(found)
    if len(commits) == 1:
        yield f"All runs were made by {next(iter(commits))}."
    elif commits:
        told_ = "; ".join(f"{commit}: {runs}" for commit, runs in commits.most_common())
        yield f"**Made by {len(commits)} states of the code**, these many runs each: {told_}."


def _took(found: Qualification) -> Iterable[str]:
    if found.processor_s:
        faults_s, clean_s = (sum(one.ran.processor_s for one in runs) for runs in (found.judged, found.clean))
        yield f"They took {faults_s:.0f} processor seconds with a fault, {clean_s:.0f} without."


def _how(found: Qualification) -> Iterable[str]:
    scopes = Counter(one.ran.scope for one in found.judged if one.ran.ended)
    shared = scopes[Scope.SHARED]
    yield "Each fault sat in the virtual rig by itself" + (
        ", but for those of the last column's *shared*." * bool(shared) or "."
    )
    if scopes[Scope.EPISODES] or shared:
        yield "Where the last column says *episodes*, those were driven from which the requirements that it should turn"
        yield "are judged, and every requirement was judged that these suffice for: what is blank was not. A fault that"
        yield "is missed so is tried on the whole plan."
    if shared:
        yield "*Shared* is the same with two faults in one run, at different terminals, each judged by the verdicts of"
        yield "its own terminal. One that was not caught so, or turned more than it states, was tried by itself."
    if scopes[Scope.WHOLE]:
        yield "Where it says *whole*, the whole plan was driven and judged."


def _score(found: Qualification, *, misses: bool = True) -> Iterable[str]:
    yield f"{found.caught} of {counted(found.tried, 'fault')} caught by the requirement meant for them"
    if found.tried < len(found.judged):
        yield f"{len(found.judged) - found.tried} not tried: the qualification was stopped"
    extra = sum(one.status is Status.EXTRA for one in found.judged)
    if extra:
        yield f"{extra} of these turned more than they should"
    never = sum(one.status is Status.NEVER_FIRED for one in found.judged)
    if never:
        yield f"{never} never fired: the plan does not provoke them"
    yield f"{_seeds(found.clean)}: {_alarms(found) or 'no false alarm'}"
    for one in found.judged if misses else ():
        if one.status not in (Status.CAUGHT, Status.NOT_TRIED):
            yield told(one)


def _seeds(clean: Sequence[Clean]) -> str:
    """``100 clean seeds (20260401 to 20260500), 10 of them with 30 terminals``."""
    seeds = sorted({one.seed for one in clean})
    row = len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1
    named = f"{seeds[0]} to {seeds[-1]}" if row else ", ".join(map(str, seeds))
    crowds = Counter(one.terminals for one in clean if one.terminals)
    also = "".join(
        f", {runs} of them with {counted(terminals, 'terminal')}" for terminals, runs in sorted(crowds.items())
    )
    return f"{counted(len(clean), 'clean run')} (seed{'s' * (len(seeds) != 1)} {named}{also})"


def _alarms(found: Qualification) -> str:
    said = [f"{name} of {subject} with seed {clean.seed}" for clean, (name, subject) in found.false_alarms]
    said += [f"seed {clean.seed} gave no verdicts ({clean.ran.why})" for clean in found.clean if not clean.ran.ended]
    return "; ".join(said)


def _misses(found: Qualification) -> Iterable[str]:
    yield from ("## Missed", "")
    bad = [one for one in found.judged if not one.status.good and one.status is not Status.NOT_TRIED]
    for one in sorted(bad, key=lambda one: list(Status).index(one.status)):
        yield f"* `{told(one)}`. {one.case.says}"
    if not bad:
        yield "Nothing."
    yield ""
    if left := [one.case.option for one in found.judged if one.status is Status.NOT_TRIED]:
        yield from (f"Not tried, for it was stopped before: {', '.join(f'`{option}`' for option in left)}.", "")
    more = [one for one in found.judged if one.status is Status.EXTRA]
    if more:
        yield from ("Caught, and more turned red than the fault states:", "")
        for one in more:
            keys = ", ".join(f"`{name}` of {subject}" for name, subject in one.extras)
            yield f"* `{one.case.option}`: {keys}"
        yield ""
    if alarms := _alarms(found):
        yield from ("Red or undecided without any fault:", "", f"* {alarms}", "")


def _matrix(found: Qualification) -> Iterable[str]:
    names = found.requirements
    yield from ("## Fault and requirement", "")
    yield "; ".join(f"{sign} {says}" for sign, says in LEGEND) + "."
    yield ""
    yield "| fault | " + " | ".join(names) + " | fired | plan |"
    yield "|---|" + "---|" * (len(names) + 2)
    for one in found.judged:
        cells = " | ".join(one.cell(name) for name in names)
        yield f"| `{one.case.option}` | {cells} | {one.ran.fired} | {one.ran.scope} |"
    yield ""


def _clean(found: Qualification) -> Iterable[str]:
    """Which plan the clean seeds were run on."""
    if len(found.clean) <= 2:
        return
    head = ("plan", "terminals", "runs", "seeds", "false alarms", "left open")
    yield from ("## Without a fault", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|")
    alarms = Counter((clean.plan, clean.terminals) for clean, _ in found.false_alarms)
    for kind in dict.fromkeys((clean.plan, clean.terminals) for clean in found.clean):
        runs = [clean for clean in found.clean if (clean.plan, clean.terminals) == kind]
        seeds = sorted(clean.seed for clean in runs)
        span = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])
        opened = ", ".join(sorted({name for clean in runs for name, _ in clean.left_open}))
        yield f"| {kind[0]} | {kind[1] or 'as the rig has'} | {len(runs)} | {span} | {alarms[kind]} | {opened or '-'} |"
    yield ""
    if any(clean.left_open for clean in found.clean):
        yield "*Left open* is what nobody can decide on that rig: two sniffers amid thirty terminals miss frames, so a"
        yield "datum without a frame proves nothing. It is no alarm, and shows nothing either."
        yield ""


def _faults(found: Qualification) -> Iterable[str]:
    yield from ("## The faults", "", "| fault | does | should turn |", "|---|---|---|")
    for one in found.judged:
        also = f" (and {', '.join(one.case.also)})" if one.case.also else ""
        yield f"| `{one.case.option}` | {one.case.says} | {', '.join(one.case.turns)}{also} |"
