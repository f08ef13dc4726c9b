// Server-Sent Events out of a response's body. `EventSource` can only GET, and a
// question with its history is a body.

/**
 * Yields `{ event, data }` of a byte stream, `data` read as JSON. A character, a
 * line or a line's end may be cut anywhere: bytes are decoded as a stream, and a
 * carriage return at the end of a piece waits for what follows it.
 */
export async function* events(stream) {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let pending = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      pending += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const held = !done && pending.endsWith("\r") ? "\r" : "";
      const text = pending.slice(0, pending.length - held.length).replace(/\r\n?/g, "\n");
      const blocks = text.split("\n\n");
      pending = blocks.pop() + held;
      for (const block of blocks) {
        const event = read(block);
        if (event) yield event;
      }
      // What no blank line ends was cut off, and is not told.
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function read(block) {
  let event = "message";
  const data = [];
  for (const line of block.split("\n")) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (name === "event") event = value;
    else if (name === "data") data.push(value);
  }
  return data.length ? { event, data: JSON.parse(data.join("\n")) } : null;
}
