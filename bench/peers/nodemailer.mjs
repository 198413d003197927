// nodemailer with a pool: sends a message COUNT times, finished (`send`) or built of its parts (`build`).
// See the package's `__init__.py`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const nodemailer = createRequire(`${process.env.BENCH_NODE}/`)("nodemailer");
const form = process.argv[2];
const [connections, warmUp, count] = process.argv.slice(3).map(Number);
const raw = readFileSync(process.env.BENCH_MESSAGE);
const parts = JSON.parse(readFileSync(`${process.env.BENCH_MESSAGE}.json`));
const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: Number(process.env.BENCH_SMTP_PORT),
  pool: true,
  maxConnections: connections,
  maxMessages: Infinity,
});

async function send(count) {
  let next = 0;
  async function lane() {
    while (next < count) {
      const to = `u${next++}@people.example`;
      const envelope = { from: "bounce@sender.example", to: [to] };
      await transport.sendMail(form === "send" ? { envelope, raw } : { envelope, to, ...parts });
    }
  }
  // As many wait as to keep every connection busy.
  await Promise.all(Array.from({ length: connections * 8 }, lane));
}

await send(warmUp);
process.kill(process.pid, "SIGSTOP");
await send(count);
process.kill(process.pid, "SIGSTOP");
