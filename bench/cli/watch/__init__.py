"""``kenshin watch``: how a run is going, in words (`view`), from another shell or on a page.

* `page`: for a browser or a phone
* `terminal`: live in a shell
"""

__all__ = ["page", "terminal"]
