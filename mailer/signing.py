"""What signs in our name, made of the settings: links, and messages by DKIM."""

from collections import defaultdict
from pathlib import Path

from mailer.pipeline.press import Sign
from mailer.rendering.dkim import Key, Signer
from mailer.rendering.links import Links
from mailer.settings import Settings, SettingsError
from mailer.telemetry import log


def links(settings: Settings) -> Links:
    """What makes and reads links.

    Raises:
        SettingsError: a link that it makes cannot be read back.
    """
    try:
        made = Links(settings.public_url, settings.secret_keys)
        made.prove()
    except ValueError as error:
        raise SettingsError(f"MAILER_PUBLIC_URL, MAILER_SECRET_KEYS: {error}") from None
    return made


def signers(settings: Settings) -> dict[str, Signer]:
    """The signers, by their domains.

    Raises:
        SettingsError: an entry is not `domain:selector:file.pem`, or its file is no key that we sign with.
    """
    keys: defaultdict[str, list[Key]] = defaultdict(list)
    try:
        for entry in settings.dkim:
            domain, selector, file = entry.split(":", 2)
            keys[domain].append(Key(selector, Path(file).read_bytes()))
        return {domain: Signer(domain, *pair) for domain, pair in keys.items()}
    except (OSError, TypeError, ValueError) as error:
        raise SettingsError(f"MAILER_DKIM takes domain:selector:file.pem, one or two for a domain: {error}") from error


def exposed(settings: Settings) -> list[str]:
    """The problems of private keys that every user of this machine can read.

    They are no reason to stop: what a cluster mounts into a container is often so, and there is nobody else in it.
    """
    files = dict.fromkeys(Path(entry.split(":", 2)[2]) for entry in settings.dkim)
    return [
        f"MAILER_DKIM: every user of this machine can read the private key {file}; `chmod o= {file}`"
        for file in files
        if file.stat().st_mode & 0o004
    ]


def dkim(settings: Settings) -> Sign | None:
    """Signs for the domains that have keys; other mail goes unsigned. None: all of it.

    Raises:
        SettingsError: see `signers`.
    """
    known = signers(settings)
    if not known:
        return None
    for problem in exposed(settings):
        log.warning(problem)

    def sign(domain: str, message: bytes, now: int) -> bytes:
        signer = known.get(domain)
        return signer.sign(message, now) if signer else message

    return sign
