"""The routes that ask for no API key, for the role matrix: pages, the operators' port and the inbox."""

LOOKED_AT, PRESSED = {"GET", "HEAD"}, {"GET", "HEAD", "POST"}
WITHOUT_KEY = {
    "/api/v1/openapi.json": {"GET", "HEAD"},
    "/healthz": {"GET"},
    **dict.fromkeys(("/leave/{brand}", "/data/{brand}", "/u/{token}", "/preferences/{token}"), PRESSED),
    **dict.fromkeys(("/confirm/{token}", "/report/{token}", "/data-request/{token}"), PRESSED),
    **dict.fromkeys(("/archive/{brand}", "/archive/{brand}/feed.xml"), LOOKED_AT),
    **dict.fromkeys(("/archive/{brand}/{campaign_id}", "/archive/{brand}/{campaign_id}/mail"), LOOKED_AT),
    **dict.fromkeys(
        ("/o/{token}.gif", "/c/{token}", "/notices/{brand}", "/notices/{brand}/feed.atom", "/m/{picture_id}"), LOOKED_AT
    ),
    "/webhooks/{provider}/{name}": {"POST"},
    **dict.fromkeys(("/view/{token}", "/view/{token}/mail"), LOOKED_AT),
}
"""The routes of the pages, whose visitors have a link and are no publishers; the API's own description; and the
endpoints of e-mail services, which prove themselves by a signature or a secret of their own."""
OPERATORS = {"/metrics", "/livez", "/readyz"}
"""The paths of each operators' port, which is no publisher's: its network is closed to others, and it only shows."""
INBOX = {"/inbox", "/inbox/{id}", "/inbox/{id}/text", "/inbox/{id}/headers", "/inbox/{id}/html", "/inbox/{id}/raw"}
"""The paths of captured mail, at the operators' port of `web`."""
