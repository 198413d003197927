"""The sending APIs of e-mail services, as processors: all parts that the services share. Each service has a folder."""
