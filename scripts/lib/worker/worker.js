// Cloudflare hands this Email Worker each message, for one recipient at a time. The Worker hands it on to Dell's own
// Postfix, by SMTP within TLS, and answers as Dell does: what Dell has taken is taken, what Dell refuses for good is
// refused with Dell's words. All else is an exception, which is for now: the sender keeps the message and tries again.
// With a bucket, what can't be handed over now waits there, and Dell fetches it: in case Cloudflare bounces a message after
// three calls that failed. The message passes through as it comes, and is never held whole; so what has failed half-way
// can be kept only at the next call, which finds a mark.
//
// HOST, PORT: where Dell's Postfix takes mail from here; or TUNNEL: the address of a Cloudflare Tunnel that leads to it,
// and ACCESS_ID, ACCESS_SECRET: the service token, where Cloudflare Access guards it. LOGIN, PASSWORD: what Dell asks
// for. BUCKET: one of R2, or none.

import { connect } from "cloudflare:sockets";

// What takes an Email Worker 50 s is refused for good (cloudflare/cloudflare-docs, pull request 12591).
const PATIENCE_MS = 45_000;
// With a bucket, so long for the first octet of a message to be due at Dell: the rest is for the bucket.
const PATIENCE_UNREAD_MS = 15_000;
// So long R2 may take: to keep a message, to say whether there is a mark, to take one. None of it reaches the 50 s.
const KEPT_MS = 30_000;
const LOOK_MS = 3_000;
const NOTE_MS = 2_000;
const MARK = "half-way";
const MARKED_MS = 60_000;
// So much of a message may be on its way to Dell: a WebSocket takes whatever it is given, and says nothing of how far
// it is with it (cloudflare/workerd, issue 988).
const AHEAD_MAX = 1 << 20;
// What a WebSocket's message has beyond it, cloudflared drops (cloudflare/cloudflared, pull request 1741).
const PIECE = 16 * 1024;
const utf8 = new TextEncoder();

export default {
  async email(message, env) {
    const { to, raw, rawSize } = message;
    // Which of the two a message without a sender has is written nowhere.
    const from = message.from === "<>" ? "" : message.from;
    if (/[\x00-\x1f\x7f]/.test(from + to)) throw new Error("a control character in the envelope");
    const marked = isMarked(env.BUCKET);
    let way;
    let reading = false;
    let over = false;
    async function* read() {
      if ((await marked) || over) throw new Error("too late, or one of the last messages failed half-way");
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
      const handed = opened(env).then((it) => handedOver({ from, to, raw: read(), rawSize }, env, (way = it)));
      const refusal = await Promise.race([handed, late]);
      if (refusal) message.setReject(refusal);
    } catch (error) {
      if (!env.BUCKET) throw error;
      over = true;
      if (!reading) return await within(KEPT_MS, kept({ from, to, raw, rawSize }, env.BUCKET));
      await within(NOTE_MS, env.BUCKET.put(MARK, "")).catch(() => {});
      throw error;
    } finally {
      timers.forEach(clearTimeout);
      way?.close().catch(() => {});
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
  const mark = bucket && (await within(LOOK_MS, bucket.head(MARK)).catch(() => null));
  return mark && Date.now() - mark.uploaded < MARKED_MS;
}

// What a promise becomes, or an exception after so long.
function within(ms, promise) {
  let timer;
  const late = new Promise((_, fail) => (timer = setTimeout(fail, ms, new Error(`no answer within ${ms} ms`))));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const base64 = (text) => btoa(String.fromCharCode(...utf8.encode(text)));

// A connection to Dell's Postfix, as connect() makes one.
async function opened({ HOST, PORT, TUNNEL, ACCESS_ID, ACCESS_SECRET }) {
  if (!TUNNEL) return connect({ hostname: HOST, port: Number(PORT) }, { secureTransport: "on" });
  const token = ACCESS_ID ? { "CF-Access-Client-Id": ACCESS_ID, "CF-Access-Client-Secret": ACCESS_SECRET } : {};
  const answer = await fetch(TUNNEL, { headers: { Upgrade: "websocket", ...token }, redirect: "manual" });
  const it = answer.webSocket;
  if (!it) throw new Error(`the tunnel answers with ${answer.status}`);
  it.binaryType = "arraybuffer";
  const readable = new ReadableStream({
    start(controller) {
      it.addEventListener("message", ({ data }) => controller.enqueue(new Uint8Array(data)));
      it.addEventListener("close", () => controller.close());
      it.addEventListener("error", () => controller.error(new Error("the tunnel broke")));
    },
  });
  const writable = new WritableStream({ write: (piece) => it.send(piece) });
  it.accept();
  return { readable, writable, close: async () => it.close() };
}

// Nothing once Dell has taken the message; else the words with which Dell refuses it for good.
async function handedOver({ from, to, raw, rawSize }, { LOGIN, PASSWORD }, way) {
  const writer = way.writable.getWriter();
  const replies = repliesFrom(way.readable);
  const ask = async (line) => {
    if (line) await writer.write(utf8.encode(`${line}\r\n`));
    const { value } = await replies.next();
    if (!value) throw new Error("Dell hung up");
    return value;
  };

  const login = base64(`\0${LOGIN}\0${PASSWORD}`);
  const hello = [["", /^220/], ["EHLO email-worker.invalid", /^250[ -]CHUNKING\r?$/m], [`AUTH PLAIN ${login}`, /^235/]];
  for (const [line, wanted] of hello) {
    const reply = await ask(line);
    // Not yet a word of the message: this is no verdict on it.
    if (!wanted.test(reply)) throw new Error(reply);
  }

  const options = `SIZE=${rawSize} BODY=8BITMIME${/[^\x00-\x7f]/.test(from + to) ? " SMTPUTF8" : ""}`;
  for (const line of [`MAIL FROM:<${from}> ${options}`, `RCPT TO:<${to}>`]) {
    const reply = await ask(line);
    if (!reply.startsWith("250")) return refusal(reply);
  }

  // In pieces that Dell acknowledges (BDAT, RFC 3030). Nothing in a message can end it: each says how long it is.
  const sent = [];
  let ahead = 0;
  for await (const piece of pieces(raw)) {
    const last = piece.length < PIECE;
    await writer.write(utf8.encode(`BDAT ${piece.length}${last ? " LAST" : ""}\r\n`));
    await writer.write(piece);
    ahead += sent[sent.push(piece.length) - 1];
    while (ahead > AHEAD_MAX || (last && sent.length)) {
      const reply = await ask();
      if (!reply.startsWith("250")) return refusal(reply);
      ahead -= sent.shift();
    }
  }
  writer.write(utf8.encode("QUIT\r\n")).catch(() => {});
}

// A message in pieces of PIECE octets; the last is shorter, and may be empty.
async function* pieces(raw) {
  let [made, size] = [new Uint8Array(PIECE), 0];
  for await (const given of raw) {
    for (let rest = given; rest.length; ) {
      const part = rest.subarray(0, PIECE - size);
      made.set(part, size);
      size += part.length;
      rest = rest.subarray(part.length);
      if (size < PIECE) break;
      yield made;
      [made, size] = [new Uint8Array(PIECE), 0];
    }
  }
  yield made.subarray(0, size);
}

// The words of a reply that is for good (RFC 5321, 4.2.1), never none; throws one that is not. What only says that this
// client, or nobody, is let in (503, 521, 530) is no verdict on the message.
function refusal(reply) {
  if (!/^5(?!03|21|30)/.test(reply)) throw new Error(reply);
  return reply.replace(/^\d{3}[ -]?/gm, "").replace(/\s+/g, " ").trim() || "refused";
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
