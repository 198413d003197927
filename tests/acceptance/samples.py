"""The events that applications publish here: every category, for two brands."""

from typing import Any

BRANDS = ("interpals", "paltalk-2006")
TEMPLATES: dict[str, tuple[str, dict[str, Any]]] = {
    "service": ("maintenance", {"starts": "2026-04-19T01:00Z", "ends": "2026-04-19T04:00Z"}),
    "breach": (
        "breach-notice",
        {"happened_on": "2026-02-11", "found_on": "2026-02-14", "contact": "privacy@controller.example"},
    ),
    "newsletter": ("weekly", {"headline": "From Lisbon to Lahore"}),
    "promotional": (
        "spring-offer",
        {"percent": 25, "code": "PRIMAVERA", "until": "2026-04-30", "url": "https://shop.example/plus"},
    ),
}
"""A category's template, and a context for it."""
CATEGORIES = tuple(TEMPLATES)


def event(event_id: str, brand: str, category: str, to: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An event that is good, in the form that applications send."""
    template, context = TEMPLATES[category]
    necessary = {"reason": "Your account cannot be used meanwhile"} if category == "service" else {}
    return {
        "v": 1,
        "id": event_id,
        "brand": brand,
        "category": category,
        "template": template,
        "to": to,
        "context": context,
        **necessary,
        **fields,
    }


def people(*names: str, **fields: Any) -> dict[str, Any]:
    """An audience that the event brings along; each person's address is made of their name."""
    known = {"source": "sign-up", "country": "US", **fields}
    return {"people": [{"ref": name, "email": f"{name}@example.org", **known} for name in names]}
