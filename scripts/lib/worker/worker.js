// Cloudflare hands this Email Worker each message, for one recipient at a time. The Worker hands it on to Dell's own
// Postfix, by SMTP within TLS, and answers as Dell does: what Dell has taken is taken, what Dell refuses for good is
// refused with Dell's words. All else is an exception, which is for now: the sender keeps the message and tries again.
// With a bucket, what can't be handed over now waits there, and Dell fetches it: for where an exception is no
// more than three calls of this Worker, and then a bounce. The message passes through as it comes, and is never held
// whole; so what has failed half-way can be kept only at the next call, which finds a mark.
//
// HOST, PORT: where Dell's Postfix takes mail from here. LOGIN, PASSWORD: what it asks for. BUCKET: one of R2, or none.

import { connect } from "cloudflare:sockets";

// What takes an Email Worker 50 s is refused for good (cloudflare/cloudflare-docs, pull request 12591).
const PATIENCE_MS = 45_000;
// With a bucket, so long for the first octet of a message to be due at Dell: the rest is for the bucket.
const PATIENCE_UNREAD_MS = 15_000;
const MARK = "half-way";
const MARKED_MS = 60_000;
const [LF, CR, DOT] = [10, 13, 46];
const utf8 = new TextEncoder();

export default {
  async email(message, env) {
    const { from, to, raw, rawSize } = message;
    if (/[\x00-\x1f\x7f]/.test(from + to)) throw new Error("a control character in the envelope");
    const socket = connect({ hostname: env.HOST, port: Number(env.PORT) }, { secureTransport: "on" });
    const marked = isMarked(env.BUCKET);
    let reading = false;
    async function* read() {
      if (await marked) throw new Error("one of the last messages failed half-way");
      reading = true;
      yield* raw;
    }
    const timers = [];
    const late = new Promise((_, fail) => {
      const giveUp = (ms) => fail(new Error(`not taken within ${ms} ms`));
      timers.push(setTimeout(giveUp, PATIENCE_MS, PATIENCE_MS));
      if (env.BUCKET) timers.push(setTimeout(() => reading || giveUp(PATIENCE_UNREAD_MS), PATIENCE_UNREAD_MS));
    });
    try {
      const refusal = await Promise.race([handedOver({ from, to, raw: read(), rawSize }, env, socket), late]);
      if (refusal) message.setReject(refusal);
    } catch (error) {
      if (!env.BUCKET) throw error;
      if (!reading) return await kept(message, env.BUCKET);
      await env.BUCKET.put(MARK, "").catch(() => {});
      throw error;
    } finally {
      timers.forEach(clearTimeout);
      socket.close().catch(() => {});
    }
  },
};

// Puts a message of which nothing has been read into the bucket, its envelope next to it in Base64.
async function kept({ from, to, raw, rawSize }, bucket) {
  const { readable, writable } = new FixedLengthStream(rawSize);
  const customMetadata = { from: base64(from), to: base64(to) };
  const key = `mail/${Date.now()}-${crypto.randomUUID()}`;
  await Promise.all([raw.pipeTo(writable), bucket.put(key, readable, { customMetadata })]);
}

// Whether a message has failed half-way within the last minute. A bucket that can't be asked holds up nothing.
async function isMarked(bucket) {
  const mark = await bucket?.head(MARK).catch(() => null);
  return mark && Date.now() - mark.uploaded < MARKED_MS;
}

const base64 = (text) => btoa(String.fromCharCode(...utf8.encode(text)));

// Nothing once Dell has taken the message; else the words with which Dell refuses it for good.
async function handedOver({ from, to, raw, rawSize }, { LOGIN, PASSWORD }, socket) {
  const writer = socket.writable.getWriter();
  const replies = repliesFrom(socket.readable);
  const ask = async (line) => {
    if (line) await writer.write(utf8.encode(`${line}\r\n`));
    const { value } = await replies.next();
    if (!value) throw new Error("Dell hung up");
    return value;
  };

  const login = base64(`\0${LOGIN}\0${PASSWORD}`);
  for (const [line, code] of [["", "220"], ["EHLO email-worker.invalid", "250"], [`AUTH PLAIN ${login}`, "235"]]) {
    const reply = await ask(line);
    // Not yet a word of the message: this is no verdict on it.
    if (!reply.startsWith(code)) throw new Error(reply);
  }

  const options = `SIZE=${rawSize} BODY=8BITMIME${/[^\x00-\x7f]/.test(from + to) ? " SMTPUTF8" : ""}`;
  for (const [line, code] of [[`MAIL FROM:<${from}> ${options}`, "250"], [`RCPT TO:<${to}>`, "250"], ["DATA", "354"]]) {
    const reply = await ask(line);
    if (!reply.startsWith(code)) return refusal(reply);
  }

  let end = [CR, LF];
  for await (const piece of raw) {
    await writer.write(stuffed(piece, end[1]));
    end = [...end, ...piece.subarray(-2)].slice(-2);
  }
  const reply = await ask(end[0] === CR && end[1] === LF ? "." : "\r\n.");
  if (!reply.startsWith("250")) return refusal(reply);
  writer.write(utf8.encode("QUIT\r\n")).catch(() => {});
}

// The words of a reply that is for good (RFC 5321, 4.2.1); throws one that is not.
function refusal(reply) {
  if (!reply.startsWith("5")) throw new Error(reply);
  return reply.replace(/^\d{3}[ -]?/gm, "").replace(/\s+/g, " ").trim();
}

// Each reply of a server as it comes, all its lines.
async function* repliesFrom(readable) {
  let text = "";
  for await (const piece of readable.pipeThrough(new TextDecoderStream())) {
    text += piece;
    for (let found; (found = /^(?:\d{3}-[^\n]*\n)*\d{3}(?!-)[^\n]*\n/.exec(text)); text = text.slice(found[0].length)) {
      yield found[0];
    }
  }
}

// PIECE with a further dot before each that begins a line (RFC 5321, 4.5.2). BEFORE: the octet that came before it.
// A bare LF counts as a line's end, as it may to a server: nothing in a message must be able to end it.
function stuffed(piece, before) {
  let [made, size, start] = [piece, 0, 0];
  for (let dot = piece.indexOf(DOT); dot !== -1; dot = piece.indexOf(DOT, dot + 1)) {
    if ((dot ? piece[dot - 1] : before) !== LF) continue;
    if (made === piece) made = new Uint8Array(2 * piece.length);
    made.set(piece.subarray(start, dot), size);
    size += dot - start;
    made[size++] = DOT;
    start = dot;
  }
  if (made === piece) return piece;
  made.set(piece.subarray(start), size);
  return made.subarray(0, size + piece.length - start);
}
