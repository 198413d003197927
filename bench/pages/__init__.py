"""The benchmark of the pages: a large database, each page beside a running mailing, and the pages with much load."""
