"""What a laboratory does to a bench in months, in minutes: on wall time, against the faulty lab, by command.

    python -m tests.soak ways      every driver x a moment of a command x what may go wrong (the matrix)
    python -m tests.soak habits    the whole plan with thirty bad habits at once, and one by one
    python -m tests.soak kills     kills, stops, filled disks and clock steps at random moments of runs that are resumed

``--help`` says the rest. A small sample of each is in the suite (`tests/soak/test_*.py`). What an output really is, the
lab's instruments say; what was seen is compared with what the bench said.
"""
