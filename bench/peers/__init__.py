"""The peers' own programs. Each runs in the peers' environment (`scripts/setup-bench`), not in mailer's.

They take what they need from the environment: `BENCH_SMTP_PORT`, `BENCH_MESSAGE` (a file), `BENCH_BROKER`,
`BENCH_SOCKET`. One that stops itself (SIGSTOP) is ready; continued it does its work, and stops again when that is done.
"""
