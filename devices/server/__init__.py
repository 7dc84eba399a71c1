"""The connection server (接続サーバ) as the bench sees it, in the role of the MDMS.

``driver`` speaks to it over HTTP, ``impersonator`` is the same interface served over a model. The interface is a
stand-in: no public document defines the one between connection server and MDMS.
"""
