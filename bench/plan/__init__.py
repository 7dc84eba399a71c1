"""The files that people write for a plan, read, checked, and put together (design section 6).

* `answered`: verdicts of what papers answer
* `again`: verdicts derived again from a stored run, and what differs
* `awaited`: what a server's log still has to say
* `catalogue`: what guideline, declaration, agreement and profile ask of a run
* `changes`: what another guideline, agreement or bench makes of a stored run
* `documents`: the papers, and what is asked of them
* `forecast`: what a plan costs and can claim
* `inputs`: all inputs of a run, by value
* `options`: what a command says of a run, one record for all who ask
* `papers`: files of papers that stand beside the files that name them
* `readings`: the guideline's reading and the parties'
* `schema`: their models
* `sound`: is what people wrote sound
"""

__all__ = [
    "again",
    "answered",
    "awaited",
    "catalogue",
    "changes",
    "documents",
    "forecast",
    "inputs",
    "options",
    "papers",
    "schema",
    "sound",
]
