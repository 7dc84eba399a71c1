"""Keys and what they open: frame security, EAPOL, handshakes, counters, key files.

* `counters`: frame counters: what a receiver would refuse
* `eap_psk`: EAP-PSK: messages and cryptography
* `eapol`: EAPOL, EAP and key frames
* `fourway`: the keys of the 4-way handshake
* `handshake`: handshakes followed and opened
* `kmp`: joins as the air shows them
* `opening`: which keys are tried on a frame
* `security`: AES-CCM* over a MAC frame
* `table`: the key table and its file
* `words`: EAPOL in one line
"""

__all__ = ["counters", "eap_psk", "eapol", "fourway", "handshake", "kmp", "opening", "security", "table", "words"]
