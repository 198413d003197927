"""The differences between two policies."""

from mailer.policy.policy_differences import differences_between_policies
from tests.factories import BRAND, policies


def test_a_policy_does_not_differ_from_itself() -> None:
    """A policy has no difference from itself."""
    assert all(differences_between_policies(policy, policy) == [] for policy in policies().values())


def test_each_changed_key_is_named_once() -> None:
    """A switch, an entry of a list by its id, one that is gone, and a new value; all else is left out."""
    policy = policies()[BRAND]
    first, *rest = policy.promises
    changed = first.model_copy(update={"promise": "Something else."})
    newer = policy.model_copy(
        update={
            "version": "2099",
            "switches": policy.switches.model_copy(update={"partner_mail": "never"}),
            "promises": (changed, *rest[:-1]),
        }
    )
    found = {one.key: (one.before, one.after) for one in differences_between_policies(policy, newer)}
    gone = {key for key in found if key.startswith(f"promises.{rest[-1].id}.")}
    assert gone
    assert all(found[key][1] is None for key in gone)
    assert found.keys() - gone - {"switches.partner_mail"} == {"version", f"promises.{first.id}.promise"}
    assert found[f"promises.{first.id}.promise"] == (first.promise, "Something else.")
    back = {one.key: (one.after, one.before) for one in differences_between_policies(newer, policy)}
    assert back == found
