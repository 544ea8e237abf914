// JSON that every reader reads in the same way.

const maxDepth = 1000;

// Members whose values must be integers that every language can represent.
const exact = new Set([
  "token", "revision", "oldest", "current", "term", "applied_index", "transitions",
]);

const lexeme = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/gs;

interface Frame {
  readonly names: Set<string> | undefined; // undefined: an array
  name: string; // the current member; in an array, the member that is the array
  value: boolean; // a value is next
  readonly meta: boolean; // inside a meta, which is not checked
}

/**
 * Parses JSON. Throws SyntaxError for a duplicate member, for nesting that is too deep and for an integer that is not
 * exact. The content of meta belongs to its writer and is not checked.
 */
export function parse(text: string): unknown {
  check(text);
  return JSON.parse(text);
}

/** Checks what JSON.parse accepts and this client does not. JSON.parse checks the rest. */
function check(text: string): void {
  const open: Frame[] = [];
  for (const [token] of text.matchAll(lexeme)) {
    const top = open.at(-1);
    if (token === "}" || token === "]") {
      open.pop();
    } else if (token === "{" || token === "[") {
      if (open.length === maxDepth) throw new SyntaxError("the JSON is nested too deeply");
      const meta = top !== undefined && (top.meta || (top.names !== undefined && top.name === "meta"));
      open.push({ names: token === "{" ? new Set() : undefined, name: top?.name ?? "", value: token === "[", meta });
    } else if (top?.names !== undefined && !top.meta) {
      inObject(top, token);
    } else if (top !== undefined && !top.meta && token !== ",") {
      checkExact(top.name, token);
    }
  }
}

function inObject(top: Frame, token: string): void {
  if (token === ":" || token === ",") {
    top.value = token === ":";
  } else if (top.value) {
    checkExact(top.name, token);
  } else if (token.startsWith('"')) {
    top.name = JSON.parse(token) as string;
    if (top.names!.has(top.name)) throw new SyntaxError(`the member ${JSON.stringify(top.name)} occurs twice`);
    top.names!.add(top.name);
  }
}

function checkExact(name: string, token: string): void {
  if (exact.has(name) && /^[-+.\d]/.test(token) && !(/^\d+$/.test(token) && Number.isSafeInteger(Number(token)))) {
    throw new SyntaxError(`${name} is not an integer from 0 to ${Number.MAX_SAFE_INTEGER}`);
  }
}
