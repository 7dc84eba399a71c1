"""Do the tests notice when judge or measurands go wrong? Each mutant is one small change; a test must see it.

    python -m tests.mutation                    a sample (the seed says which)
    python -m tests.mutation --night 7          those that were not tried for longest, as many as --processor-s allows
    python -m tests.mutation --all              every mutant
    python -m tests.mutation --of judge/decide  those of modules whose path holds this

A mutant that no test kills is a hole in the tests, unless `accepted.yaml` says why nobody could tell it from the right
code. Writes a section of docs/qualification.md, and the same as JSON.

* `mutants`: which changes there are, and the changed source
* `live`: a change made to code that is loaded
* `selection`: which tests run which line, and for how long
* `trials`: a fork a mutant, and what became of it
* `tally`: when each was last tried
* `page`: the section
"""
