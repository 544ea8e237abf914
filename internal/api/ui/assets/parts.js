// The parts that several pages use.
import { html, useEffect, useRef, useState } from "./preact.js";
import { query } from "./api.js";
import { ago, duration, eventName, exact, shown, webAddress } from "./format.js";

export const leaseLink = (name) => `#/leases/${encodeURIComponent(name)}`;
const holderLink = (name) => `#/holders/${encodeURIComponent(name)}`;

// setFilter puts a filter into the address of the page, which keeps the other ones: also those that were set just now.
export function setFilter(page, name, value) {
  const params = Object.fromEntries(new URLSearchParams(location.hash.split("?")[1] ?? ""));
  history.replaceState(null, "", query(page, { ...params, [name]: value }));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export const LeaseName = ({ name }) => html`<a class="name" href=${leaseLink(name)}>${shown(name)}</a>`;
export const HolderName = ({ name }) => html`<a class="holder" href=${holderLink(name)}>${shown(name)}</a>`;

export const State = ({ state }) => html`<span class="state ${state}">${state}</span>`;

export const Ago = ({ at, now }) => html`<time datetime=${at} title=${exact(at)}>${ago(at, now)}</time>`;

// Remaining is a bar that counts down to the end of a hold.
export function Remaining({ left, of }) {
  if (left === undefined) return html`<span class="muted">${of > 0 ? "unknown" : "no TTL"}</span>`;
  const share = of > 0 ? Math.min(1, left / of) : 0;
  const level = share > 0.4 ? "" : share > 0.15 ? "low" : "last";
  return html`<span class="remaining"><span class="bar ${level}" aria-hidden="true"><i style=${{ width: `${(share * 100).toFixed(1)}%` }}></i></span>
    <span class="number">${duration(left)}</span></span>`;
}

// Meta shows what a holder says about itself. A URL in it is a link.
export function Meta({ meta }) {
  if (!meta) return null;
  const url = webAddress(meta);
  return html`${url && html`<a class="external" href=${url} target="_blank" rel="noopener noreferrer nofollow">${shown(url)}</a>`}
    <details class="meta"><summary>metadata</summary><pre tabindex="0">${shownLines(JSON.stringify(meta, null, 2))}</pre></details>`;
}

const shownLines = (text) => text.split("\n").map(shown).join("\n");

export function Problem({ problem, what = "this" }) {
  if (!problem) return null;
  const about = {
    401: "Sign in with a token that this cluster knows.",
    403: `Your principal has no right to see ${what}. Ask an administrator for a rule with the right read.`,
    0: "The page tries again.",
  }[problem.status];
  return html`<div class="problem" role="alert"><strong>${problem.title}</strong>
    <p>${shown(problem.detail)} ${about}</p>
    ${problem.type && html`<p><a href="problems/${problem.type}">More about this problem</a>${problem.requestID && html` · request <code>${problem.requestID}</code>`}</p>`}</div>`;
}

// Stale says that what is shown may be old.
export const Stale = () => html`<p class="stale" role="status"><b>The cluster has no leader.</b> This is what this node knew last. A hold may have ended since, and nothing is granted or renewed until there is a leader.</p>`;

export const Loading = () => html`<p class="muted" role="status">Loading…</p>`;

export function Empty({ children }) {
  return html`<p class="empty">${children}</p>`;
}

// Copy is a command that can be copied.
export function Copy({ label, text }) {
  const [done, set] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      set(true);
      setTimeout(() => set(false), 1500);
    } catch { /* no permission, or no secure context: the text can be selected */ }
  };
  return html`<div class="copy"><span class="label">${label}</span><code tabindex="0">${text}</code>
    <button type="button" class="quiet" onClick=${copy} aria-label=${`Copy the ${label} command`}>${done ? "Copied" : "Copy"}</button></div>`;
}

// Dialog is a modal dialog. It closes with Escape, and focus returns to what opened it.
export function Dialog({ title, onClose, children }) {
  const ref = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    const dialog = ref.current;
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  return html`<dialog ref=${ref} aria-labelledby="dialog-title" onCancel=${(e) => { e.preventDefault(); onClose(); }}>
    <h2 id="dialog-title">${title}</h2>${children}</dialog>`;
}

// Spark draws numbers as bars. The text is for those who do not see them.
export function Spark({ values, label, tone = "" }) {
  const most = Math.max(1, ...values);
  const width = 240;
  const height = 40;
  const step = width / Math.max(1, values.length);
  return html`<svg class="spark ${tone}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label=${label}>
    ${values.map((v, i) => v > 0 && html`<rect x=${(i * step + 0.5).toFixed(2)} width=${Math.max(1, step - 1).toFixed(2)}
      y=${(height - (v / most) * height).toFixed(2)} height=${((v / most) * height).toFixed(2)}/>`)}
    <line x1="0" x2=${width} y1=${height} y2=${height}/></svg>`;
}

// EventText says what an event was, in a sentence.
function EventText({ event: e, named = true }) {
  const name = named && e.name ? html`<${LeaseName} name=${e.name}/> ` : "";
  const holder = e.holder ? html`<${HolderName} name=${e.holder}/>` : "";
  const token = e.token ? html` <span class="token">token ${e.token}</span>` : "";
  const held = e.held_ms === undefined ? "" : ` after ${duration(e.held_ms)}`;
  const vacancy = e.vacancy_ms === undefined ? "" : html`, ${e.vacancy_ms === 0 ? "without a vacancy" : `vacant for ${duration(e.vacancy_ms)}`}`;
  const cause = e.cause && e.cause !== "released" ? `, after a hold that was ${e.cause}` : "";
  switch (e.type) {
    case "acquired":
      return html`${name}acquired by ${holder}${token}${vacancy}${cause}`;
    case "released":
      return html`${name}released by ${holder}${token}${held}`;
    case "expired":
      return html`${name}expired: ${holder}${token} stopped renewing${held}`;
    case "broken":
      return html`${name}broken by <b>${shown(e.by)}</b>: the hold of ${holder}${token}${held}${e.reason && html`. Reason: <q>${shown(e.reason)}</q>`}`;
    case "transferred":
      return html`${name}transferred by ${holder}${token} to <${HolderName} name=${e.to}/>${held}`;
    case "step_down":
      return html`${name}${holder}${token} was asked to step down by <b>${shown(e.by)}</b>${e.to && html` in favor of <${HolderName} name=${e.to}/>`}${e.within_ms ? ` within ${duration(e.within_ms)}` : ""}`;
    case "delayed":
      return html`${name}in delay after a hold was ${e.cause}`;
    case "free":
      return html`${name}free${e.cause ? ` after a hold was ${e.cause}` : ""}`;
    case "reclaimed":
      return html`${name}reclaimed by ${holder}${token}${held}`;
    case "meta":
      return html`${name}metadata changed by ${holder}${token}`;
  }
  return html`${name}${eventName(e.type)}`;
}

export function EventList({ events, now, named = true }) {
  return html`<ol class="events">${events.map((e) => html`<li key=${e.revision} class=${e.type}>
    <${Ago} at=${e.at} now=${now}/><span class="dot" aria-hidden="true"></span><span class="what"><${EventText} event=${e} named=${named}/></span></li>`)}</ol>`;
}
