// The trial's Email Worker: what its address says it does. It reads nothing of a message, and keeps none.

let thrown = 0;

export default {
  async email(message) {
    const what = message.to.split("@")[0];
    if (what === "rejects") return message.setReject(`mxgate trial: thrown ${thrown} times`);
    if (what === "late") return new Promise((resolve) => setTimeout(resolve, 70_000));
    thrown += 1;
    throw new Error("mxgate trial");
  },
};
