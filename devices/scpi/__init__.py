"""Supplies and sources that speak SCPI over a raw TCP socket (devices.md 6.0).

``transport`` carries lines, ``dialects`` knows what each make calls things, ``supply`` is the driver on top, and
``instrument`` with ``rigol`` and ``asr`` are the impersonators. Nothing is imported here: the driver side must not drag
in the impersonators, nor they labgrid.
"""
