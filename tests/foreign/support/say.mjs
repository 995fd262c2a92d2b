// What a stack's program tells the test: one JSON object a line on standard output. It ends when its standard input does.

export function say(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Resolves when the test wants the program to end. */
export function toldToEnd() {
  return new Promise((resolve) => {
    process.stdin.on("end", resolve);
    process.stdin.resume();
  });
}
