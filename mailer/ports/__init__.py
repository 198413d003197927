"""One narrow protocol a noun. What a room needs of the outside is said here, and nothing more."""
