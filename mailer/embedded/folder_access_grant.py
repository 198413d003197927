"""Allows one more user to pass through folders, by an entry in the folder's access list (acl(5))."""

import os
import struct
from pathlib import Path

_ACL = "system.posix_acl_access"
_VERSION = 2
_ENTRY = struct.Struct("<HHI")
"""Tag, permissions, and the id of a user or group (Linux: include/uapi/linux/posix_acl_xattr.h)."""
_OWNER, _USER, _GROUP, _MASK, _OTHERS = 0x01, 0x02, 0x04, 0x10, 0x20
_NAMED_GROUP = 0x08
_PASS, _ALL = 0o1, 0o7
_NOBODY = 0xFFFFFFFF


def allow_user_to_traverse_folder(folder: Path, uid: int) -> None:
    """Allows a user to pass through a folder to the files below it. The rights of others do not change.

    Raises:
        OSError: we do not own the folder, or its file system has no access lists.
    """
    mode = folder.stat().st_mode
    if mode & _PASS:
        return
    entries = _read_posix_acl_of_folder(folder, mode)
    masked = entries.get((_MASK, _NOBODY), _ALL)
    for tag, id_ in entries:
        if tag in (_USER, _GROUP, _NAMED_GROUP):  # a wider mask must give nobody a right that the old mask took away
            entries[tag, id_] &= masked
    entries[_USER, uid] = entries.get((_USER, uid), 0) | _PASS
    entries[_MASK, _NOBODY] = entries.get((_MASK, _NOBODY), entries[_GROUP, _NOBODY]) | _PASS
    packed = b"".join(_ENTRY.pack(tag, allowed, id_) for (tag, id_), allowed in sorted(entries.items()))
    os.setxattr(folder, _ACL, struct.pack("<I", _VERSION) + packed)


def _read_posix_acl_of_folder(folder: Path, mode: int) -> dict[tuple[int, int], int]:
    """Returns the rights in a folder's access list, by tag and id; without a list, the rights of its mode."""
    try:
        packed = os.getxattr(folder, _ACL)[4:]
    except OSError:
        return {(_OWNER, _NOBODY): mode >> 6 & 7, (_GROUP, _NOBODY): mode >> 3 & 7, (_OTHERS, _NOBODY): mode & 7}
    return {(tag, id_): allowed for tag, allowed, id_ in _ENTRY.iter_unpack(packed)}
