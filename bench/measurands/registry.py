"""Every measurand of an episode by the name that the guideline file uses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bench.measurands.alarm import alarm_normal, alarm_outage
from bench.measurands.common import Measurand
from bench.measurands.join import join_onsite
from bench.measurands.roundtrip import roundtrip_server
from bench.measurands.storage import storage_terminal
from bench.measurands.upload import upload_daily
from bench.measurands.values import values_hourly

REGISTRY: Final[Mapping[str, Measurand]] = MappingProxyType(
    {
        "join.onsite": join_onsite,
        "roundtrip.server": roundtrip_server,
        "upload.daily": upload_daily,
        "values.hourly": values_hourly,
        "storage.terminal": storage_terminal,
        "alarm.normal": alarm_normal,
        "alarm.outage": alarm_outage,
    }
)
