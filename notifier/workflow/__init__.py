"""VERBS: one function per use case. Each takes `session, …, actor, now`; none commits, mails or rings.

The door that calls a verb opens the transaction (`with database.transaction() as session`), commits it by
leaving the block, and only then rings the queue.
"""
