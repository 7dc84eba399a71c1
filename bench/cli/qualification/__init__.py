"""``kenshin qualify``: the plan over faults and over clean seeds, and what it caught.

* `command`: what was asked, which faults and seeds that is, and what is left in files
* `trials`: the runs, several at a time, and what each gave
* `forked`: a run without the seconds of its start
* `matrix`: what caught which, what was missed, what was red without a fault; no words
* `page`: the same in words, for a terminal, a page and a machine
"""

__all__ = ["command"]
