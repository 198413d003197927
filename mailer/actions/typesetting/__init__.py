"""Letters as PDF files: the program that sets them, its template, and the call of it."""
