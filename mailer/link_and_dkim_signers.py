"""The signers that the settings describe: for links, and for messages by DKIM."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from mailer.metrics_and_logger import log
from mailer.rendering.dkim import DkimKey, DkimSigner
from mailer.rendering.mailing_renderer import Sign
from mailer.rendering.signed_links import SignedLinks
from mailer.settings import Settings, SettingsError


def build_signed_link_maker_and_reader(settings: Settings) -> SignedLinks:
    """Returns the maker and reader of signed links.

    Raises:
        SettingsError: a link that it makes cannot be read back.
    """
    try:
        made = SignedLinks(settings.public_url, settings.secret_keys)
        made.check_links_read_back()
    except ValueError as error:
        raise SettingsError(f"MAILER_PUBLIC_URL, MAILER_SECRET_KEYS: {error}") from None
    return made


def build_dkim_signers_by_domain(settings: Settings) -> dict[str, DkimSigner]:
    """Returns the DKIM signers by domain.

    Raises:
        SettingsError: an entry is not `domain:selector:file.pem`, or its file is no key that we sign with.
    """
    keys: defaultdict[str, list[DkimKey]] = defaultdict(list)
    try:
        for entry in settings.dkim:
            domain, selector, file = entry.split(":", 2)
            keys[domain].append(DkimKey(selector, Path(file).read_bytes()))
        return {domain: DkimSigner(domain, *pair) for domain, pair in keys.items()}
    except (OSError, TypeError, ValueError) as error:
        raise SettingsError(f"MAILER_DKIM takes domain:selector:file.pem, one or two for a domain: {error}") from error


def exposed_secret_file_problems(settings: Settings) -> list[str]:
    """Returns a problem for each file with secrets that every user of this machine can read: keys, settings, tokens.

    They are no reason to stop: a cluster often mounts such files into a container, which has no other users.
    """
    files = {Path(entry.split(":", 2)[2]): "MAILER_DKIM: {} the private key" for entry in settings.dkim}
    files |= {Path(token): "MAILER_PROCESSORS: {} the token" for token in _oauth_token_paths(settings)}
    files |= {Path(".env"): "{} the settings in"}
    return [
        f"{says.format('every user of this machine can read')} {file}; `chmod o= {file}`"
        for file, says in files.items()
        if file.exists() and file.stat().st_mode & 0o004
    ]


def _oauth_token_paths(settings: Settings) -> Iterator[str]:
    for url in settings.processors:
        yield from parse_qs(urlsplit(url).query).get("token_file", ())


def build_dkim_sign_function_from_settings(settings: Settings) -> Sign | None:
    """Returns the function that signs mail of the domains with keys. Other mail stays unsigned. None: no keys.

    Raises:
        SettingsError: see `build_dkim_signers_by_domain`.
    """
    known = build_dkim_signers_by_domain(settings)
    for problem in () if settings.is_mail_captured else exposed_secret_file_problems(settings):
        log.warning(problem)
    if not known:
        return None

    def sign(domain: str, message: bytes, now: int) -> bytes:
        signer = known.get(domain)
        return signer.sign_message(message, now) if signer else message

    return sign
