"""The trial of a policy: made-up people and mailings, and what a promise's own words say about each.

The expectations in `statements` and `sights` are written from the promises and the floor. They ask no rule of
`mailer.policy`, so a rule that is broken contradicts them.
"""
