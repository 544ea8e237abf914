// Texts for numbers and times.

const units = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1000]];

// duration formats milliseconds: 850 ms, 12.3 s, 4 m 10 s, 26 h 3 m.
export function duration(ms) {
  if (ms === undefined || ms === null) return "–";
  if (ms < 0) ms = 0;
  if (ms < 1000) return `${Math.floor(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const parts = [];
  let rest = ms;
  for (const [unit, length] of units) {
    const n = Math.floor(rest / length);
    rest -= n * length;
    if (n > 0) parts.push(`${n} ${unit}`);
    else if (parts.length > 0) break; // 5 m, not 5 m 0 s
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

// ago formats how long ago a time was.
export function ago(iso, now = Date.now()) {
  const ms = now - Date.parse(iso);
  if (Number.isNaN(ms)) return "–";
  return ms < 1500 ? "just now" : `${duration(ms).replace(/\.\d s$/, " s")} ago`;
}

// exact formats a time with its date, in the time zone of the reader.
export function exact(iso) {
  const t = new Date(iso);
  return Number.isNaN(t.getTime()) ? "" : t.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
}

export const count = (n) => (n ?? 0).toLocaleString("en");

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

// shown replaces characters that change how the text around them is displayed.
export function shown(text) {
  return String(text ?? "").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (c) => `\\u${c.codePointAt(0).toString(16).padStart(4, "0")}`);
}

// webAddress returns the URL in a hold's meta, or "" if it has none that a browser may open.
export function webAddress(meta) {
  if (typeof meta?.url !== "string") return "";
  try {
    const url = new URL(meta.url);
    return (url.protocol === "http:" || url.protocol === "https:") && !url.username ? url.href : "";
  } catch {
    return "";
  }
}

// quoted returns a text as one word of a shell.
export const quoted = (text) => (/^[\w./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

// eventNames says what happened, for people.
const eventNames = {
  acquired: "acquired", released: "released", expired: "expired", broken: "broken", transferred: "transferred",
  delayed: "in delay", free: "free", meta: "meta changed", step_down: "asked to step down", reclaimed: "reclaimed",
};

export const eventName = (type) => eventNames[type] ?? type;

export const eventTypes = Object.keys(eventNames);
