"""A synthetic run for the tests of the reports: every outcome that a reader meets, no device behind it."""

from __future__ import annotations

from typing import Any

from bench.judge.decide import NotJudged
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Measurement, Obligation, Outcome, Verdict
from reports.model import Blind, CatalogueRow, RunFacts, RunReport, Sample, VoidEpisode

EPOCH = 1_774_969_200 * NS_PER_S  # 2026-04-01T00:00:00+09:00

ROWS = (
    CatalogueRow(
        "join-time", "2-1", "ネットワーク参入時間", "Network join time", Obligation.TARGET,
        "無線端末がSM通信NWに参入し、通信可能と現地で判断するのに要する時間：1分半程度【目標事項】",
        {"measurand": "join.onsite", "limit": 90, "unit": "s", "comparison": "<=", "statistic": "maximum"},
    ),
    CatalogueRow(
        "round-trip", "2-1", "伝送遅延時間", "Round trip, connection server to terminal", Obligation.TARGET,
        "接続サーバと無線端末間の通信に要する往復の通信時間（電力SMのマルチホップを含む）：1分半程度【目標事項】",
        {"measurand": "roundtrip.server", "limit": 90, "unit": "s", "comparison": "<=", "statistic": "maximum"},
    ),
    CatalogueRow(
        "hourly-values", "2-1", "検針粒度", "Granularity of readings", Obligation.MANDATORY, "1時間値【必須事項】",
        {"measurand": "values.hourly", "limit": 0, "unit": "1", "comparison": "<="},
    ),
    CatalogueRow(
        "storage-terminal", "2-1", "蓄積期間（無線端末）", "Storage in the terminal", Obligation.RECOMMENDED,
        "無線端末：7日以上【推奨事項】", {"limit": 168, "unit": "values", "comparison": ">="},
    ),
    CatalogueRow(
        "alarm-outage", "1-4", "監視機能", "Alarm across an outage", Obligation.AGREEMENT,
        "各メーターが発出する装置情報（アラーム等）については、各メーターが自発電文をMDMSへ送信する。",
        {"limit": 600, "unit": "s", "comparison": "<="},
    ),
    CatalogueRow("penetration-test", "6", "脆弱性の確認試験・管理", "Penetration test", Obligation.MANDATORY, "…"),
)  # fmt: skip


def join(subject: str, seconds: float | None, hops: int) -> Measurement:
    """One join with its phases; None: it never came on."""
    ends = [0.0, 1.4, 17.2, 24.0, 28.1, 31.0]
    scale = (seconds or 60.0) / 31.0
    names = ("start to first solicitation", "discovery and authentication", "configuration", "routing", "confirmation")
    phases: list[dict[str, Any]] = [
        {"phase": name, "from_ns": EPOCH + int(a * scale * NS_PER_S), "to_ns": EPOCH + int(b * scale * NS_PER_S)}
        for name, a, b in zip(names, ends, ends[1:], strict=False)
    ]
    stop = None if seconds is None else EPOCH + int(seconds * NS_PER_S)
    attempt: dict[str, Any] = {"start_ns": EPOCH, "stop_ns": stop, "stop": "panel.lamp", "phases": phases}
    attempt["label"] = "attempt 1, cold"
    return Measurement(
        "join.onsite", subject, seconds, "s", u=0.29,
        conditions={"hops": hops, "dodag_depth": hops + 1, "start": "cold", "timers": "TEST"},
        cited=("timeline#17", "timeline#41", "captures/s1.pcapng#1234"), detail={"attempts": [attempt]},
    )  # fmt: skip


def round_trip(subject: str, hops: int, n: int = 30) -> Measurement:
    """A spread of round trips as a sleeping terminal gives it."""
    trips = [1.5 + 5.0 * (i * 0.618 % 1) * (0.6 + hops / 5) for i in range(n)]
    return Measurement(
        "roundtrip.server", subject, max(trips), "s", u=0.001, conditions={"hops": hops, "n": n},
        cited=tuple(f"timeline#{100 + i}" for i in range(n)), detail={"samples": [{"rtt_s": t} for t in trips]},
    )  # fmt: skip


def strip(subject: str, odd: dict[int, str] | None = None, days: int = 8) -> Measurement:
    """Hour marks of two meters; ``odd`` maps hour numbers to states other than ok."""
    odd = {5: "missing", 30: "wrong", 77: "duplicated", 0: "excluded"} if odd is None else odd
    marks: list[dict[str, Any]] = [
        {"meter": f"{subject}.{medium}", "mark_ns": EPOCH + (h + 1) * NS_PER_HOUR,
         "state": odd.get(h, "ok") if medium == "gas" else "ok"}
        for medium in ("gas", "water") for h in range(24 * days)
    ]  # fmt: skip
    bad = sum(1 for mark in marks if mark["state"] not in ("ok", "excluded"))
    return Measurement("values.hourly", subject, float(bad), "1", detail={"marks": marks})


def alarm(subject: str, arrives: bool = True) -> Measurement:
    """One alarm raised in an outage of eight days, delivered 41 s after the network was usable again."""
    usable = EPOCH + 8 * NS_PER_DAY + 400 * NS_PER_S
    item: dict[str, Any] = {
        "meter": f"{subject}.gas", "code": "leak1", "stimulus_ns": EPOCH + 3 * NS_PER_DAY,
        "outage": [EPOCH, EPOCH + 8 * NS_PER_DAY], "usable_ns": usable,
        "arrival_ns": usable + 41 * NS_PER_S if arrives else None,
    }  # fmt: skip
    return Measurement("alarm.outage", subject, 41.0 if arrives else None, "s", detail={"alarms": [item]})


def verdicts() -> tuple[Verdict, ...]:
    """One verdict per row and subject, with a missed target, a failure, an inconclusive and a conditional one."""
    return (
        Verdict("join-time", "t1", Outcome.PASS, "31.2 s is within 90 s", join("t1", 31.2, 1), 90.0, "s", 0.58,
                "simple acceptance, k = 2", "1 of 1 join within 90 s; n = 1 supports no rate"),
        Verdict("join-time", "t3", Outcome.TARGET_MISSED, "110.4 s is beyond 90 s", join("t3", 110.4, 3),
                90.0, "s", 0.58, "simple acceptance, k = 2"),
        Verdict("round-trip", "t1", Outcome.PASS, "all within 90 s", round_trip("t1", 1), 90.0, "s", 0.0,
                "simple acceptance, k = 2"),
        Verdict("round-trip", "t3", Outcome.CONDITIONAL_PASS, "within by less than U", round_trip("t3", 3),
                90.0, "s", 0.5, "guard band w = U, k = 2"),
        Verdict("hourly-values", "t1", Outcome.FAIL, "3 values differ from the meter", strip("t1"), 0.0, "1", 0.0,
                "simple acceptance, k = 2"),
        Verdict("hourly-values", "t3", Outcome.PASS, "all as at the meter", strip("t3", {}), 0.0, "1", 0.0),
        Verdict("storage-terminal", "t1", Outcome.NOT_FOLLOWED, "kept 120 marks",
                Measurement("storage.terminal", "t1", 120.0, "values"), 168.0, "values"),
        Verdict("storage-terminal", "t3", Outcome.INCONCLUSIVE, "the feed's read-back has a gap",
                Measurement("storage.terminal", "t3", None, "values", gate="the feed's read-back has a gap"), 168.0,
                "values"),
        Verdict("alarm-outage", "t1", Outcome.PASS, "41 s after usable again", alarm("t1"), 600.0, "s"),
        Verdict("alarm-outage", "t3", Outcome.ERROR, "server gone", alarm("t3", arrives=False), 600.0, "s"),
    )  # fmt: skip


def report(**changes: Any) -> RunReport:
    """The whole sample; keyword arguments replace fields of RunReport."""
    facts = RunFacts(
        run="2026-11-22T101500Z-virtual", rig="fixtures/rigs/virtual.yaml", rf_environment="conducted (simulated)",
        samples=(Sample("t1", "SN-0001", {"hardware": "A1", "firmware": "1.2.0"}, "as received"),
                 Sample("t3", "SN-0003", {"hardware": "A1", "firmware": "1.2.0"})),
        agreement="testplans/agreements/default.yaml", profile="nightly",
        guideline="共同検針運用ガイドライン 第1.1版", seed=1,
        stand_ins=("application payload between terminal and server", "meter line protocol", "panel line protocol"),
        deviations=("fixed channel 10 instead of hopping, so that one-channel sniffers hear every frame",),
        virtual_from_ns=EPOCH, virtual_to_ns=EPOCH + 17 * NS_PER_DAY + 3 * NS_PER_HOUR, wall_ns=44 * NS_PER_S,
        void_episodes=(VoidEpisode("mesh_outage", "bench killed, supplies made safe", "mesh_outage#2"),),
        blind=(Blind(EPOCH + NS_PER_DAY, EPOCH + NS_PER_DAY + 90 * NS_PER_S, "bench restarted"),),
        versions={"kenshin-bench": "0.1.0"},
    )  # fmt: skip
    base: dict[str, Any] = {
        "facts": facts, "requirements": ROWS, "verdicts": verdicts(),
        "not_judged": (NotJudged("penetration-test", "6", "no test yet"),),
        "errors": ("server: gone at 2026-04-12 03:00",),
    }  # fmt: skip
    return RunReport(**(base | changes))
