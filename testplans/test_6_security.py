"""Guideline 6, 共同検針サービス提供者の実施事項: cutting off and reconnecting; the rest by document."""

from __future__ import annotations

from collections.abc import Callable

from testplans import requirement


@requirement("security-cut-off")
def test_cut_off_and_reconnection(judge: Callable[[], None]) -> None:
    """6 遮断と再接続: a cut-off holds, touches no neighbour, and is undone."""
    judge()


@requirement("security-measures")
def test_security_measures(judge: Callable[[], None]) -> None:
    """6: the operator protects its smart-meter system against what is connected to it."""
    judge()


@requirement("security-connection-guideline")
def test_rules_for_external_connections(judge: Callable[[], None]) -> None:
    """6: the operator has rules for external connections."""
    judge()


@requirement("security-risk-assessment")
def test_risk_assessment(judge: Callable[[], None]) -> None:
    """6: the operator has assessed the risks."""
    judge()


@requirement("security-vulnerability")
def test_vulnerability_management(judge: Callable[[], None]) -> None:
    """6: a penetration test was made at the connection point, and vulnerabilities are managed."""
    judge()


@requirement("security-incident-report")
def test_incident_reports_are_agreed(judge: Callable[[], None]) -> None:
    """6: the parties have agreed how incidents are reported."""
    judge()


@requirement("security-cut-off-agreement")
def test_cutting_off_is_agreed(judge: Callable[[], None]) -> None:
    """6: the parties have agreed on criteria and procedure of cutting off and reconnecting."""
    judge()


@requirement("security-responsibility")
def test_responsibility_is_agreed(judge: Callable[[], None]) -> None:
    """6: the parties have agreed on responsibility and the settlement of disputes."""
    judge()
