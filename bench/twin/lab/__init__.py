"""The faulty lab: the virtual rig on wall time, behind wires with every bad habit that laboratories report.

    topology ──> bench.twin.rig (same models) ──> impersonators (the same) ──> habits ──> fronts (TCP, pty) ──> bench

``habits`` says what a port does wrong and when, ``device`` does it to commands and answers, ``fronts`` to connections,
``pace`` moves the kernel with wall time, and ``process`` puts a lab together. What the instruments themselves hold is
asked over the control channel, past all habits: that is what a test judges by. docs/guides/faulty-lab.md

* `process`: the process behind ``kenshin lab``
"""

__all__ = ["process"]
