"""Outside delivery systems: a folder for each scheme of `MAILER_PROCESSORS`, and the registry of the schemes."""
