"""The only package that knows the order of the stages.

`run` for files, `library` for records in memory; both end in `resolve`, where
the stages stand from top to bottom.
"""
