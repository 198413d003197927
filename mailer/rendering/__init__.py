"""From a template and values to the bytes of a message. Pure, but for reading the templates."""
