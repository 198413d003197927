"""Breach cases: their facts, the rules that follow from them, the texts and the audience. Pure."""
