"""Do the tests notice when judge or measurands go wrong? Each mutant is one small change; a test must see it.

    python -m tests.mutation                    a sample, as every night (the seed says which)
    python -m tests.mutation --all              every mutant
    python -m tests.mutation --of judge/decide  those of modules whose path holds this

A mutant that no test kills is a hole in the tests, unless `accepted.yaml` says why nobody could tell it from the right
code. Writes a section of docs/qualification.md, and the same as JSON.

* `mutants`: which changes there are, and the changed source
* `live`: a change made to code that is loaded
* `selection`: which tests run which line, and for how long
* `trials`: a fork a mutant, and what became of it
* `page`: the section
"""
