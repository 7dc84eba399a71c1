"""Verdicts by document: a pure function of what is asked, the papers that are named, and the files that are there.

* PASS: every paper that is asked for is named, and there. The verdict quotes name and date, or number and body.
* PENDING EVIDENCE: nobody has named it yet, or its file is still to come.
* INCONCLUSIVE: what is there is not what was named (another digest, a copy that was changed), or a certificate is for
  another firmware than the sample's. That is no FAIL: such a paper says nothing about the requirement, in either
  direction.
* NOT APPLICABLE: the terminal has none of the radio methods that it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from bench.evidence.added import Shown
from bench.judge.decide import combine
from bench.plan.documents import ByDocument, Certificate, Paper, PaperKind
from bench.plan.schema import Agreement, RequirementRow, Sample, TerminalDeclaration
from bench.plan.words import RADIO_METHODS
from bench.records import Json, Measurement, Outcome, Verdict

MEASURAND: Final = "by document"
SYSTEM: Final = "system"
"""Whom a document of the parties is about: not one terminal, but what they run together."""

Files = Mapping[str, Sequence[Shown]]
"""The files that are there, by the names of their papers."""


@attrs.frozen(slots=True)
class _Found:
    """What became of one paper that was asked for."""

    outcome: Outcome
    reason: str
    paper: Paper | None = None
    cited: tuple[str, ...] = ()


def by_document(
    row: RequirementRow, agreement: Agreement, declaration: TerminalDeclaration, files: Files
) -> list[Verdict]:
    """The verdicts of a row that papers answer: one about the system, or one a sample."""
    asked = row.by_document
    assert asked is not None, "the row says which paper it asks for"
    if asked.kind is PaperKind.DOCUMENT:
        named = [document for document in agreement.documents if row.id in document.answers]
        nobody = f"no document is named in the agreement; asked for: {asked.asked.en}"
        found = [_there(document, files) for document in named] or [_Found(Outcome.PENDING_EVIDENCE, nobody)]
        return [_verdict(row, SYSTEM, found)]
    return [_of_sample(row, asked, declaration, sample, files) for sample in declaration.samples]


def _of_sample(
    row: RequirementRow, asked: ByDocument, declaration: TerminalDeclaration, sample: Sample, files: Files
) -> Verdict:
    about = asked.radio_methods or tuple(RADIO_METHODS)
    methods = [method for method in declaration.radio_methods if method in about]
    if not methods:
        none = f"the terminal has none of the radio methods {', '.join(about)}"
        return _verdict(row, sample.id, [_Found(Outcome.NOT_APPLICABLE, none)])
    found = [
        _certified(_covers(method, layers), sample, declaration.certificates, files, _words(asked, method, layers))
        for method in methods
        for layers in asked.layers or ("",)
    ]
    return _verdict(row, sample.id, found)


def _covers(method: str, layers: str) -> Callable[[Certificate], bool]:
    return lambda one: method in one.radio_methods and (not layers or layers in one.layers)


def _words(asked: ByDocument, method: str, layers: str) -> str:
    return f"{asked.asked.en} ({method}{f', layers {layers}' if layers else ''})"


def _certified(
    covers: Callable[[Certificate], bool],
    sample: Sample,
    certificates: Sequence[Certificate],
    files: Files,
    wanted: str,
) -> _Found:
    """A certificate whose number the sample carries and whose firmware is the sample's."""
    own = [one for one in certificates if one.number in sample.certificates and covers(one)]
    if not own:
        return _Found(Outcome.PENDING_EVIDENCE, f"no certificate that the sample carries is named; asked for: {wanted}")
    right = [one for one in own if sample.firmware in one.firmware]
    if not right:
        one = own[0]
        why = f"{one} is for firmware {', '.join(one.firmware)}, the sample has {sample.firmware}"
        return _Found(Outcome.INCONCLUSIVE, why, one)
    return min((_there(one, files) for one in right), key=lambda found: list(Outcome).index(found.outcome))


def _there(paper: Paper, files: Files) -> _Found:
    """Whether a paper that was named is there."""
    if not paper.is_to_be_seen:
        return _Found(Outcome.PASS, f"by {paper}, as named (the bench has not seen it)", paper)
    given = files.get(paper.key, ())
    cited = tuple(one.citation for one in given if one.citation)
    if not given:
        return _Found(Outcome.PENDING_EVIDENCE, f"{paper} is still to come ({paper.key})", paper)
    whole = [one for one in given if one.intact]
    if not whole:
        return _Found(Outcome.INCONCLUSIVE, f"{paper}: its copy in the run was changed", paper, cited)
    if paper.sha256 and not any(one.sha256 == paper.sha256 for one in whole):
        return _Found(Outcome.INCONCLUSIVE, f"{paper}: what is there is another file than was named", paper, cited)
    return _Found(Outcome.PASS, f"by {paper}", paper, cited)


def _verdict(row: RequirementRow, subject: str, found: Sequence[_Found]) -> Verdict:
    """The worst of them counts, and all of that rank are told."""
    worst = combine(one.outcome for one in found)
    told = list(dict.fromkeys(one.reason for one in found if one.outcome is worst))
    reason = "; ".join(told)
    cited = tuple(dict.fromkeys(citation for one in found for citation in one.cited))
    named = [str(one.paper) for one in found if one.paper is not None]
    conditions: dict[str, Json] = {"papers": list(dict.fromkeys(named))} if named else {}
    measurement = Measurement(MEASURAND, subject, None, "", conditions=conditions, cited=cited, gate=reason)
    return Verdict(row.id, subject, worst, reason, measurement)


def papers(agreement: Agreement, declaration: TerminalDeclaration) -> Iterator[Paper]:
    """Every paper that is named, of either kind."""
    yield from agreement.documents
    yield from declaration.certificates
