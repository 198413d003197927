"""Pure reading of what people write to a brand: an opt-out, another request, or something that a person must read."""
