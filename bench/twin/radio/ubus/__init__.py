"""① to ③ U-bus Air: receivers ask for data (RIT), senders wait for that; everything above is a named stand-in.

Public (domain.md 4.1) and kept: 100 kbit/s around 920 MHz, receiver-initiated transmission with the data request of
IEEE 802.15.4, intermittent and asynchronous, a table-driven mesh with detours, automatic registration and deletion, at
most 15 hops and 50 devices, a link-establishment wait above 10 s. Not public: the RIT period, formats above the MAC,
security, and what tells the star type and the base draft (ベース案) apart. Here a star is a mesh whose terminals pass
nothing on, and the base draft is played as the standard type.

* `gateway`: the smart meter
* `terminal`: a terminal's radio; `listening` beneath both: who asks for data, and who waits for that
"""

__all__ = ["gateway", "terminal"]
