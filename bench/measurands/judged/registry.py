"""Every measurand of an episode by the name that the guideline file uses.

A name stands for one definition. Where one was mended, its new edition has a name of its own (``.2``), and the first
stays for the runs that were asked it (`bench.measurands.judged.first`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from bench.evidence.evidence import Evidence
from bench.measurands.judged.air_rules import air_rules
from bench.measurands.judged.alarm import alarm_normal, alarm_outage
from bench.measurands.judged.backup_hold import backup_concentrator, backup_meters
from bench.measurands.judged.collection_rate import collection_rate
from bench.measurands.judged.common import Measurand
from bench.measurands.judged.first import alarm as first_alarm
from bench.measurands.judged.first import join_onsite as first_join
from bench.measurands.judged.first import roundtrip_server as first_roundtrip
from bench.measurands.judged.first import storage_terminal as first_storage
from bench.measurands.judged.first import values_hourly as first_values
from bench.measurands.judged.hourmark_error import hourmark_error
from bench.measurands.judged.join_onsite import join_onsite
from bench.measurands.judged.radio_method import radio_method
from bench.measurands.judged.roundtrip_server import roundtrip_server
from bench.measurands.judged.storage_terminal import storage_terminal
from bench.measurands.judged.upload_daily import upload_daily
from bench.measurands.judged.utility.alarms import alarm_mdms
from bench.measurands.judged.utility.control import control_function, control_success
from bench.measurands.judged.utility.cutoff import cutoff_holds
from bench.measurands.judged.utility.delivery import delivery_mdms
from bench.measurands.judged.utility.gaps import gap_filling
from bench.measurands.judged.utility.reading import reading_mdms
from bench.measurands.judged.utility.site import site_reading
from bench.measurands.judged.utility.storage import storage_server
from bench.measurands.judged.utility.transparent import transparent_mdms
from bench.measurands.judged.values_hourly import values_hourly
from bench.records import Measurement

REGISTRY: Final[Mapping[str, Measurand]] = MappingProxyType(
    {
        "join.onsite.2": join_onsite,
        "roundtrip.server.2": roundtrip_server,
        "upload.daily": upload_daily,
        "radio.method": radio_method,
        "air.rules": air_rules,
        "values.hourly.2": values_hourly,
        "hourmark.error": hourmark_error,
        "storage.terminal.2": storage_terminal,
        "alarm.normal.2": alarm_normal,
        "alarm.outage.2": alarm_outage,
        "alarm.mdms": alarm_mdms,
        "reading.mdms": reading_mdms,
        "delivery.mdms": delivery_mdms,
        "gap.filling": gap_filling,
        "storage.server": storage_server,
        "cutoff.holds": cutoff_holds,
        "control.function": control_function,
        "control.success": control_success,
        "backup.meters": backup_meters,
        "transparent.mdms": transparent_mdms,
        "site.reading": site_reading,
        "backup.concentrator": backup_concentrator,
        "join.onsite": first_join.join_onsite,
        "roundtrip.server": first_roundtrip.roundtrip_server,
        "values.hourly": first_values.values_hourly,
        "storage.terminal": first_storage.storage_terminal,
        "alarm.normal": first_alarm.alarm_normal,
        "alarm.outage": first_alarm.alarm_outage,
    }
)

ADDED: Final[Mapping[str, Callable[[Evidence, float], Measurement]]] = MappingProxyType(
    {"collection.rate": collection_rate}
)
"""Measurands of what was added to a run, not of an episode: by evidence and confidence, one figure for the system."""


@attrs.frozen(slots=True)
class Figure:
    """What a measurand's figure is: its UCUM unit, and the statistics over attempts that it can be judged by."""

    unit: str
    statistics: tuple[str, ...]


_DURATION: Final = Figure("s", ("maximum", "median", "p95", "minimum"))
_COUNT: Final = Figure("1", ("count",))

FIGURES: Final[Mapping[str, Figure]] = MappingProxyType(
    {
        "join.onsite.2": Figure("s", ("retest", *_DURATION.statistics)),
        "roundtrip.server.2": _DURATION,
        "values.hourly.2": _COUNT,
        "radio.method": _COUNT,
        "air.rules": _COUNT,
        "hourmark.error": Figure("s", ("maximum",)),
        "collection.rate": Figure("%", ("maximum",)),
        "storage.terminal.2": Figure("h", ("minimum",)),
        "alarm.normal.2": _DURATION,
        "alarm.outage.2": _DURATION,
        "join.onsite": _DURATION,
        "roundtrip.server": _DURATION,
        "upload.daily": _COUNT,
        "values.hourly": _COUNT,
        "storage.terminal": Figure("h", ("minimum",)),
        "alarm.normal": _DURATION,
        "alarm.outage": _DURATION,
        "alarm.mdms": _COUNT,
        "reading.mdms": _COUNT,
        "delivery.mdms": _COUNT,
        "gap.filling": _DURATION,
        "storage.server": Figure("h", ("minimum",)),
        "cutoff.holds": _COUNT,
        "control.function": _COUNT,
        "transparent.mdms": _COUNT,
        "site.reading": _COUNT,
        "backup.meters": Figure("s", ("minimum",)),
        "backup.concentrator": Figure("s", ("minimum",)),
        "control.success": Figure("1", ("maximum", "minimum")),
    }
)
"""By the same names. Nothing is converted: a limit is written in the unit of its measurand."""
