"""The trial of a policy: made-up people and mailings, and the expectations of the promises about each.

The expectations in `decision_expectations` and `message_expectations` are written from the promises and the floor. They
ask no rule of `mailer.policy`, so a rule that is broken contradicts them.
"""
