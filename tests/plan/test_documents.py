"""Requirements that papers answer: named, there, still to come, another file than was named, another firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.evidence.added import Shown
from bench.plan.answered import by_document
from bench.plan.documents import Certificate, Document
from bench.plan.inputs import load_plan, read_plan
from bench.plan.papers import beside, keep
from bench.plan.schema import AGREEMENT, DECLARATION, Agreement, TerminalDeclaration
from bench.records import Outcome, Verdict
from tests.plan.test_catalogue import changed, plan

RULES = "security-connection-guideline"
A, B = "a" * 64, "b" * 64


def agreed(*documents: Document) -> Agreement:
    return plan().agreement.model_copy(update={"documents": documents})


def document(**more: Any) -> Document:
    return Document(**{"id": "D1", "name": "Rules", "date": "2026-02-01", "answers": (RULES,), **more})


def answer(*documents: Document, **files: Shown) -> Verdict:
    given = {name: (one,) for name, one in files.items()}
    (verdict,) = by_document(plan().row(RULES), agreed(*documents), plan().declaration, given)
    return verdict


def declared(*certificates: Certificate, **sample: Any) -> TerminalDeclaration:
    told = plan().declaration
    samples = tuple(one.model_copy(update=sample) for one in told.samples)
    return told.model_copy(update={"certificates": certificates, "samples": samples})


def certificate(**more: Any) -> Certificate:
    whole = {
        "number": "C1", "body": "a body", "date": "2026-02-01", "radio_methods": ("wi-sun-fan-1.1",),
        "layers": ("1-4", "5-7"), "firmware": ("stand-in-1.0",),
    }  # fmt: skip
    return Certificate(**{**whole, **more})


def certified(requirement: str, told: TerminalDeclaration, **files: Shown) -> set[tuple[Outcome, str]]:
    given = {name: (one,) for name, one in files.items()}
    found = by_document(plan().row(requirement), plan().agreement, told, given)
    assert [verdict.subject for verdict in found] == ["t1", "t3"]
    return {(verdict.outcome, verdict.reason) for verdict in found}


def test_the_examples_answer_every_row_and_say_that_they_are_made_up() -> None:
    rows = [row for row in plan().guideline.requirements if row.by_document is not None]
    assert {row.clause for row in rows} == {"1-5", "4-1", "6"}
    for row in rows:
        for verdict in by_document(row, plan().agreement, plan().declaration, {}):
            if row.id == "radio-ubus-air":
                assert verdict.outcome is Outcome.NOT_APPLICABLE
            else:
                assert verdict.outcome is Outcome.PASS
                assert "(made up)" in verdict.reason


def test_what_nobody_names_is_pending_and_says_what_is_asked_for() -> None:
    verdict = answer(document(answers=("service-level",)))
    assert (verdict.outcome, verdict.subject) == (Outcome.PENDING_EVIDENCE, "system")
    assert verdict.reason == (
        "no document is named in the agreement; asked for: the operator's rules for external connections"
    )


def test_a_name_and_a_date_are_the_parties_word() -> None:
    verdict = answer(document())
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason == 'by document "Rules" of 2026-02-01, as named (the bench has not seen it)'


@pytest.mark.parametrize("named", [{"file": "rules.pdf"}, {"sha256": A}])
def test_a_file_that_is_named_is_pending_until_it_is_there(named: dict[str, str]) -> None:
    assert answer(document(**named)).outcome is Outcome.PENDING_EVIDENCE
    verdict = answer(document(**named), D1=Shown(A, citation="evidence#1"))
    assert (verdict.outcome, verdict.reason) == (Outcome.PASS, 'by document "Rules" of 2026-02-01')
    assert verdict.measurement is not None
    assert verdict.measurement.cited == ("evidence#1",)


def test_another_file_than_was_named_says_nothing() -> None:
    verdict = answer(document(sha256=A), D1=Shown(B, citation="evidence#1"))
    assert (verdict.outcome, verdict.reason.partition(": ")[2]) == (
        Outcome.INCONCLUSIVE, "what is there is another file than was named"
    )  # fmt: skip
    both = by_document(
        plan().row(RULES), agreed(document(sha256=A)), plan().declaration, {"D1": (Shown(B), Shown(A, intact=True))}
    )
    assert both[0].outcome is Outcome.PASS, "the right one came later; nothing was replaced"


def test_a_copy_that_was_changed_says_nothing() -> None:
    verdict = answer(document(sha256=A), D1=Shown(A, intact=False))
    assert (verdict.outcome, "was changed" in verdict.reason) == (Outcome.INCONCLUSIVE, True)


def test_of_two_documents_the_one_that_is_missing_counts() -> None:
    verdict = answer(document(), document(id="D2", name="Annex", file="annex.pdf"))
    assert (verdict.outcome, "Annex" in verdict.reason) == (Outcome.PENDING_EVIDENCE, True)


def test_a_certificate_is_of_the_samples_number_and_firmware() -> None:
    own = {"certificates": ("C1",)}
    assert {outcome for outcome, _ in certified("radio-wi-sun", declared(certificate(), **own))} == {Outcome.PASS}
    ((outcome, why),) = certified("radio-wi-sun", declared(certificate(firmware=("2.0",)), **own))
    assert outcome is Outcome.INCONCLUSIVE
    assert why.endswith("is for firmware 2.0, the sample has stand-in-1.0")
    ((outcome, why),) = certified("radio-standards", declared(certificate(), certificates=("C2",)))
    assert outcome is Outcome.PENDING_EVIDENCE
    assert "no certificate that the sample carries is named" in why


def test_each_part_of_the_standard_wants_its_certificate() -> None:
    told = declared(certificate(layers=("1-4",)), certificates=("C1",))
    ((outcome, why),) = certified("radio-wi-sun", told)
    assert (outcome, "layers 5-7" in why, "layers 1-4" in why) == (Outcome.PENDING_EVIDENCE, True, False)
    assert {outcome for outcome, _ in certified("radio-standards", told)} == {Outcome.PASS}


def test_the_certificates_of_each_declared_method_are_asked_for() -> None:
    told = declared(certificate(), certificates=("C1",)).model_copy(
        update={"radio_methods": ("wi-sun-fan-1.1", "u-bus-air", "something-else")}
    )
    ((outcome, why),) = certified("radio-standards", told)
    assert (outcome, "u-bus-air" in why, "something-else" in why) == (Outcome.PENDING_EVIDENCE, True, False)


def test_a_file_beside_the_agreement_is_kept_with_the_run(tmp_path: Path) -> None:
    source = changed(tmp_path, AGREEMENT, "  - id: EX-2\n", "  - id: EX-2\n    file: rules.txt\n")
    written = read_plan(agreement=source)
    assert beside(written) == {}, "a file that is not there is no wrong input"
    (tmp_path / "rules.txt").write_text("made up")
    assert list(beside(written)) == ["EX-2"]
    (tmp_path / "run").mkdir()
    keep(written, tmp_path / "run")
    assert (tmp_path / "run" / "evidence" / "1-rules.txt").read_text() == "made up"


@pytest.mark.parametrize(
    ("source", "old", "new", "said"),
    [
        (AGREEMENT, 'date: "2026-01-15"', 'date: "last week"', "date 'last week' is none; expected a day such as"),
        (AGREEMENT, "answers: [service-level", "sha256: F00\n    answers: [service-level", "expected 64 hexadecimal"),
        (AGREEMENT, "id: EX-2", "id: EX-1", "document 'EX-1' is there twice"),
        (AGREEMENT, "answers: [service-level", "answers: [service-levels", "requirement 'service-levels' is unknown"),
        (DECLARATION, "number: MADE-UP-0002", "number: MADE-UP-0001", "certificate 'MADE-UP-0001' is there twice"),
    ],
)
def test_what_is_wrong_in_a_paper_is_said_with_its_line(
    tmp_path: Path, source: Path, old: str, new: str, said: str
) -> None:
    path = changed(tmp_path, source, old, new)
    with pytest.raises(InputError) as error:
        load_plan(agreement=path) if source == AGREEMENT else load_plan(declaration=path)
    assert str(error.value).startswith(f"{path}:")
    assert said in str(error.value)
