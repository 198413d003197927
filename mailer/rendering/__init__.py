"""Makes the bytes of a message from a template and values. Pure, except that it reads the templates."""
