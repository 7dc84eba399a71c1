"""Written timelines and captures, and what the measurands say of them, to the last field: any change of a figure, a
condition, a reason or a citation is seen.

The tests of a measurand look at what they are about; the corpus looks at all of it. Its timelines are those that these
tests write, and the same with one thing changed: a row left out, a row at the very stamp of the one before, a number
one more. Which changes are in it was searched for: those by which a mutant of the code (`tests.mutation`) is told from
the right code.

    python -m tests.corpus                      judge all anew and show what differs from what is stored
    python -m tests.corpus --write              and take it, once it was looked at
    python -m tests.corpus --gather             take the timelines that the tests write today
    python -m tests.corpus --search OUT         cases by which the mutants that lived (OUT/mutation.json) are seen

* `cases`: timelines, changes, questions and answers, read from ``tests/data/corpus``
* `asked`: a timeline with its changes as evidence, and what is said of it
* `gathered`: what the tests of measurands write and ask
* `searched`: cases that tell a mutant from the right code
* `figures`: captures of real stacks, and all that `kenshin measure` says of them, as ``tests/data/corpus`` keeps it
* `parts`: parts of captures and of networks on `paper`, with some things changed (`altered`), or heard by `several`
  sniffers; `drawn` makes them up, and searches those that tell a mutant from the right code. And which of their frames
  take the `short` way
* `shown`: where two answers differ
"""
