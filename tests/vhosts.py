"""Virtual hosts of a private RabbitMQ, for tests that run side by side."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

_SALT = b"salt"


def define_vhosts(folder: Path, names: Sequence[str]) -> None:
    """Has the node that will be started in a folder make virtual hosts, in which its user may do everything.

    What it then does not make by itself, its user and the host `/`, is defined here too (RabbitMQ's "Schema Definition
    Export and Import").
    """
    everything = {"user": "guest", "configure": ".*", "write": ".*", "read": ".*"}
    vhosts = ["/", *names]
    definitions = {
        "users": [{"name": "guest", "password_hash": _hashed("guest"), "tags": "administrator"}],
        "vhosts": [{"name": name} for name in vhosts],
        "permissions": [everything | {"vhost": name} for name in vhosts],
    }
    file = folder / "definitions.json"
    file.write_text(json.dumps(definitions), "utf-8")
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "vhosts.conf").write_text(f"load_definitions = {file}\n", "utf-8")


def _hashed(password: str) -> str:
    return b64encode(_SALT + hashlib.sha256(_SALT + password.encode()).digest()).decode()
