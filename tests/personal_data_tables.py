"""Tables that know people, and the part of a copy of personal data that each has."""

NOT_OF_PEOPLE = ("pictures", "manifests", "breach_manifests", "breach_expansions")
"""Tables with a content type, a hash over all of an audience, or the number of a line up to which something is done."""
TOLD = {
    **{name: (name,) for name in ("consents", "wishes", "data_requests", "suppressions", "notices")},
    **{name: (name,) for name in ("postal_addresses", "holds", "disclosures", "deliveries")},
    **{name: ("also", name) for name in ("attachments", "former_addresses")},
    "recipient_attributes": ("also", "attributes"),
    "manifest_people": ("also", "manifests"),
    "breach_manifest_people": ("also", "breach_manifests"),
    **dict.fromkeys(("breach_file_people", "breach_only_people"), ("also", "breach_files")),
    "recipients": ("data",),
    "standings": ("standing",),
    "audience_members": ("audiences",),
    **dict.fromkeys(("ledger", "ledger_notes"), ("deliveries",)),
    "individual_opens": ("opens",),
    "individual_clicks": ("clicks",),
    "sends": ("also", "counted_mails"),
    "copies": ("also", "shared_copies"),
    "mailboxes": ("also", "mailbox_forms"),
    "quarantine": ("also", "refusals"),
    **{name: ("also", name) for name in ("received_mail", "webhook_requests", "soft_bounces")},
    **dict.fromkeys(("mailings", "inviters"), ("also", "invitations")),
    "report_cells": ("also", "reports"),
    "stubs": ("also", "erasure"),
    "farewells": ("also", "erasure"),
    "erasures": ("also", "to_be_erased_by"),
    "partner_suppressions": ("also", "told_partners"),
    "dead_letters": ("also", "dead_letters"),
}
"""Tables that know a person by id, address or ref, and the part of a copy that each contributes to."""
