// The trial's Email Worker: what its address says it does. It keeps nothing of a message.

let thrown = 0;

export default {
  async email(message) {
    const what = message.to.split("@")[0];
    if (what === "rejects") return message.setReject(`mxgate trial: thrown ${thrown} times`);
    if (what === "late") return new Promise((resolve) => setTimeout(resolve, 70_000));
    if (what === "reads") {
      let octets = 0;
      for await (const piece of message.raw) {
        octets += piece.slice().length; // copied, as by the one that carries mail; the digest is for its TLS
        await crypto.subtle.digest("SHA-512", piece);
      }
      return message.setReject(`mxgate trial: read ${octets} octets`);
    }
    if (what === "burns") for (;;);
    thrown += 1;
    throw new Error("mxgate trial");
  },
};
