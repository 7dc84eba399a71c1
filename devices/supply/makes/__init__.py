"""Impersonators of supplies, a file a make.

* `gwinstek_asr2000`: GW Instek ASR-2000, AC
* `rigol_dp832`: Rigol DP832, DC
"""

__all__ = ["gwinstek_asr2000", "rigol_dp832"]
