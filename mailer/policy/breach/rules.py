"""The rules of breaches, for import from one place: what follows from the facts of a case."""

from mailer.policy.breach.channels import ChannelChoice as ChannelChoice
from mailer.policy.breach.channels import PersonToTell as PersonToTell
from mailer.policy.breach.channels import choose_channel as choose_channel
from mailer.policy.breach.clocks import Clock as Clock
from mailer.policy.breach.clocks import clocks_of_case as clocks_of_case
from mailer.policy.breach.clocks import due_to_people as due_to_people
from mailer.policy.breach.required_parts import PartsRequired as PartsRequired
from mailer.policy.breach.required_parts import required_parts as required_parts
from mailer.policy.breach.required_parts import suggest_variants as suggest_variants
from mailer.policy.breach.rule_set import BreachRules as BreachRules
from mailer.policy.breach.rule_set import breach_rules_of_json as breach_rules_of_json
from mailer.policy.breach.rule_set import breach_rules_of_policy as breach_rules_of_policy
from mailer.policy.breach.rule_words import rule_in_words as rule_in_words
from mailer.policy.breach.thresholds import SubstituteDue as SubstituteDue
from mailer.policy.breach.thresholds import ThresholdReached as ThresholdReached
from mailer.policy.breach.thresholds import substitutes_due as substitutes_due
from mailer.policy.breach.thresholds import thresholds_reached as thresholds_reached
