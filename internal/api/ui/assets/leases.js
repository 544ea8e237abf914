// Leases: a table of all leases, which loads and draws only what is seen.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";
import { query, read } from "./api.js";
import { count, duration, plural, webAddress } from "./format.js";
import { remaining, useNow, useWatch } from "./live.js";
import { Empty, HolderName, LeaseName, Loading, Problem, Remaining, Stale, State } from "./parts.js";
import { Link } from "./overview.js";

const pageSize = 200;
const rowHeight = 41; // pixels: the style sheet has the same
const overscan = 8;

const states = [["", "any state"], ["held", "held"], ["waited", "waited for"], ["delayed", "in delay"], ["breaking", "breaking"]];
const orders = [["", "name"], ["age", "oldest hold"], ["waiters", "most waiters"]];

// listPath returns the path of a page of leases for the filters.
function listPath(filters, more) {
  const state = filters.state === "waited" ? { waited: true } : { state: filters.state };
  return query("v1/leases", { prefix: filters.prefix, holder: filters.holder, order: filters.order, ...state, ...more });
}

// useList has the rows that are loaded, by their filters. refresh loads those that are seen again. more loads the next page.
function useList(filters) {
  const [list, set] = useState({ rows: [], loading: true });
  const key = JSON.stringify(filters);
  const current = useRef(list);
  const busy = useRef(false);
  current.current = list;
  const put = (next) => {
    current.current = next;
    set(next);
  };
  const run = async (load) => {
    if (busy.current) return;
    busy.current = true;
    const own = current.current.key;
    try {
      await load();
    } catch (problem) {
      if (current.current.key === own) put({ ...current.current, problem, loading: false });
    } finally {
      if (current.current.key === own) busy.current = false;
    }
  };
  const stamped = (page, at) => page.leases.map((l) => ({ ...l, at }));
  const first = () => run(async () => {
    const at = Date.now();
    const page = await read(listPath(filters, { limit: pageSize }));
    if (current.current.key !== key) return; // the filters have changed meanwhile
    put({ key, rows: stamped(page, at), next: page.next, revision: page.revision, stale: page.stale });
  });
  useEffect(() => {
    busy.current = false;
    put({ key, rows: [], loading: true });
    first();
  }, [key]);
  const more = () => current.current.next && run(async () => {
    const at = Date.now();
    const before = current.current;
    const page = await read(listPath(filters, { limit: pageSize, cursor: before.next }));
    if (current.current.key !== key) return;
    put({ ...before, rows: [...before.rows, ...stamped(page, at)], next: page.next, stale: page.stale, problem: undefined });
  });
  const refresh = (from, to) => {
    if (filters.order || current.current.rows.length <= pageSize) {
      return current.current.rows.length <= pageSize ? first() : undefined;
    }
    return run(async () => {
      const at = Date.now();
      const before = current.current;
      const start = Math.max(0, from);
      const page = await read(listPath(filters, {
        limit: Math.min(1000, Math.max(1, to - start)), cursor: start > 0 ? before.rows[start - 1].name : "",
      }));
      if (current.current.key !== key) return;
      const fresh = stamped(page, at);
      const last = page.next ? fresh.at(-1).name : null; // all leases up to it are in the page
      const rest = last === null ? [] : before.rows.slice(start).filter((r) => r.name > last);
      put({ ...before, rows: [...before.rows.slice(0, start), ...fresh, ...rest], next: last === null ? undefined : before.next, stale: page.stale, problem: undefined });
    });
  };
  return { ...list, more, refresh, first };
}

export function Leases({ params }) {
  const filters = {
    prefix: params.get("prefix") ?? "", holder: params.get("holder") ?? "",
    state: params.get("state") ?? "", order: params.get("order") ?? "",
  };
  const set = (name, value) => {
    const hash = query("#/leases", { ...filters, [name]: value });
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  };
  const now = useNow(500);
  const list = useList(filters);
  const seen = useRef([0, pageSize]);
  const changed = useRef(false);
  const link = useWatch({ prefix: filters.prefix, after: list.revision, event: () => { changed.current = true; } });
  useEffect(() => { // what is seen is loaded again: soon after a change, and now and then because of renewals
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
      if (document.hidden || (!changed.current && ticks % 8 !== 0)) return;
      changed.current = false;
      list.refresh(...seen.current);
    }, 500);
    return () => clearInterval(timer);
  });
  return html`<div class="title"><h1>Leases</h1><${Link} link=${link}/></div>
    <form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <${Field} id="prefix" label="Name begins with" value=${filters.prefix} onValue=${(v) => set("prefix", v)}/>
      <${Field} id="holder" label="Held by" value=${filters.holder} onValue=${(v) => set("holder", v)}/>
      <${Select} id="state" label="State" value=${filters.state} options=${states} onValue=${(v) => set("state", v)}/>
      <${Select} id="order" label="Order" value=${filters.order} options=${orders} onValue=${(v) => set("order", v)}/>
      <p class="muted" role="status">${list.rows.length > 0 && (filters.order && list.rows.length === pageSize ? `the first ${pageSize} in this order` : `${count(list.rows.length)}${list.next ? "+" : ""} shown`)}</p></form>
    ${list.problem && html`<${Problem} problem=${list.problem} what="leases"/>`}${list.stale && html`<${Stale}/>`}
    ${list.loading ? html`<${Loading}/>` : list.rows.length === 0
      ? !list.problem && html`<${Empty}>${filters.prefix || filters.holder || filters.state ? "No lease matches." : "No lease is held, in delay or waited for."}<//>`
      : html`<${Table} list=${list} now=${now} onSeen=${(from, to) => { seen.current = [from, to]; }}/>`}`;
}

// Field is a text filter that applies when the typing pauses.
export function Field({ id, label, value, onValue, type = "search" }) {
  const [text, set] = useState(value);
  const timer = useRef(0);
  useEffect(() => set(value), [value]);
  return html`<label for=${id}>${label}<input id=${id} type=${type} autocomplete="off" spellcheck=${false} value=${text} onInput=${(e) => {
    const v = e.target.value;
    set(v);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onValue(v), 250);
  }}/></label>`;
}

export function Select({ id, label, value, options, onValue }) {
  return html`<label for=${id}>${label}<select id=${id} value=${value} onChange=${(e) => onValue(e.target.value)}>
    ${options.map(([v, text]) => html`<option value=${v} selected=${v === value}>${text}</option>`)}</select></label>`;
}

// Table draws the rows in its window. Two rows without content keep the height of those above and below.
function Table({ list, now, onSeen }) {
  const box = useRef(null);
  const [at, set] = useState({ from: 0, to: 40 });
  const { rows } = list;
  const measure = () => {
    const el = box.current;
    if (!el) return;
    const from = Math.max(0, Math.floor(el.scrollTop / rowHeight) - overscan);
    const to = Math.min(rows.length, Math.ceil((el.scrollTop + el.clientHeight) / rowHeight) + overscan);
    if (from !== at.from || to !== at.to) set({ from, to });
    onSeen(from, to);
    if (to + 50 > rows.length && list.next) list.more();
  };
  useLayoutEffect(measure);
  const visible = rows.slice(at.from, at.to);
  return html`<div class="table-box tall" ref=${box} onScroll=${measure} tabindex="0" role="region" aria-label="Table of leases">
    <table class="leases" aria-rowcount=${list.next ? -1 : rows.length + 1}><thead><tr aria-rowindex="1"><th scope="col">Name</th><th scope="col">State</th><th scope="col">Holder</th>
      <th scope="col" class="num wide-only">Token</th><th scope="col" class="num wide-only">Age</th><th scope="col">Remaining</th><th scope="col" class="num">Waiters</th><th scope="col" class="wide-only">Link</th></tr></thead>
    <tbody>${at.from > 0 && html`<tr aria-hidden="true"><td class="gap" style=${{ height: `${at.from * rowHeight}px` }}></td></tr>`}
      ${visible.map((l, i) => html`<${Row} key=${l.name} lease=${l} now=${now} index=${at.from + i + 2}/>`)}
      ${at.to < rows.length && html`<tr aria-hidden="true"><td class="gap" style=${{ height: `${(rows.length - at.to) * rowHeight}px` }}></td></tr>`}</tbody></table></div>`;
}

function Row({ lease: l, now, index }) {
  const hold = l.holders[0];
  const more = l.holder_count > 1 ? html` <span class="badge">+${l.holder_count - 1}</span>` : "";
  const url = hold && webAddress(hold.meta);
  return html`<tr aria-rowindex=${index}><th scope="row"><${LeaseName} name=${l.name}/></th><td><${State} state=${l.state}/></td>
    <td>${hold ? html`<${HolderName} name=${hold.holder}/>${more}` : html`<span class="muted">–</span>`}</td>
    <td class="num wide-only token">${hold?.token ?? ""}</td><td class="num wide-only">${hold ? duration(hold.held_ms + now - l.at) : ""}</td>
    <td>${hold ? html`<${Remaining} left=${remaining(hold.free_in_ms, l.at, now)} of=${hold.ttl_ms}/>`
      : l.available_in_ms !== undefined && html`<span class="muted">free in ${duration(remaining(l.available_in_ms, l.at, now))}</span>`}</td>
    <td class="num">${l.queue_length > 0 ? html`<span class="badge" title=${plural(l.queue_length, "waiter")}>${count(l.queue_length)}</span>` : html`<span class="muted">0</span>`}</td>
    <td class="wide-only">${url && html`<a class="external" href=${url} target="_blank" rel="noopener noreferrer nofollow" title=${url}>${new URL(url).host}</a>`}</td></tr>`;
}
