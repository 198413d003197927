"""The quick look for machines misses none that the pattern knows."""

import re

from mailer.web.machine_detection import _MACHINE, is_machine


def test_each_word_of_the_pattern_has_a_hint() -> None:
    """The words of the pattern, in small and capital letters, alone and before others, are judged as by the pattern."""
    words = re.findall(r"[a-z][a-z-]+", _MACHINE.pattern)
    assert len(words) > 35
    for word in (*words, "trend micro", "Cubot Note 20", "Firefox/140.0"):
        for agent in (word, word.upper(), f"{word}/1.0 (Linux)", f"Mail {word}"):
            assert is_machine({"user-agent": agent}) is bool(_MACHINE.search(agent)), agent
