// Overview: the nodes, the numbers, what is waited for, and what happens now.
import { html, useMemo, useRef, useState } from "./preact.js";
import { query } from "./api.js";
import { count, duration, plural } from "./format.js";
import { remaining, useLoad, useNow, useWatch } from "./live.js";
import { Empty, EventList, HolderName, LeaseName, Loading, Problem, Remaining, Spark, Stale, leaseLink } from "./parts.js";
import { NodeCards, Quorum } from "./nodes.js";

// feedLength is how many events the page keeps.
const feedLength = 50;

// useFeed returns the newest events, newest first, and follows them.
export function useFeed({ name = "", prefix = "", onEvent = () => {} } = {}) {
  const first = useLoad(query("v1/events", { name, prefix, limit: feedLength }), 86_400_000);
  const [fresh, set] = useState([]);
  const pending = useRef([]);
  const flush = useRef(0);
  const link = useWatch({
    name, prefix, after: first.data?.revision,
    event: (e) => {
      if (e.type === "state") return;
      onEvent(e);
      pending.current.unshift(e);
      pending.current.length = Math.min(pending.current.length, feedLength);
      if (flush.current) return;
      flush.current = setTimeout(() => { // many events are drawn together
        flush.current = 0;
        const batch = pending.current;
        pending.current = [];
        set((before) => [...batch, ...before].slice(0, feedLength));
      }, 100);
    },
  });
  const events = useMemo(() => {
    const seen = new Set(fresh.map((e) => e.revision));
    return [...fresh, ...(first.data?.events ?? []).filter((e) => !seen.has(e.revision))].slice(0, feedLength);
  }, [fresh, first.data]);
  return { events, link, problem: first.problem, loading: first.loading };
}

export function Link({ link }) {
  const text = { live: "live", connecting: "connecting", reconnecting: "reconnecting", refused: "not allowed" }[link.state];
  return html`<span class="link ${link.state}" role="status">${text}</span>`;
}

export function Overview({ me }) {
  const now = useNow(1000);
  const cluster = useLoad("v1/cluster?reports=true", 3000);
  const stats = useLoad("v1/stats", 5000);
  const waited = useLoad("v1/leases?waited=true&order=waiters&limit=8", 3000);
  const feed = useFeed({ onEvent: (e) => {
    if (e.type !== "meta") {
      waited.reload();
      stats.reload();
    }
  } });
  return html`<div class="title"><h1>Overview</h1><${Link} link=${feed.link}/><${Find}/></div>
    ${cluster.problem && html`<${Problem} problem=${cluster.problem} what="the cluster"/>`}
    ${cluster.data && html`<section aria-labelledby="nodes"><div class="bar-title"><h2 id="nodes">Nodes</h2><${Quorum} cluster=${cluster.data}/></div>
      <${NodeCards} cluster=${cluster.data} now=${now}/></section>`}
    <${Numbers} stats=${stats}/>
    <div class="columns"><${Waited} waited=${waited} now=${now}/>
      <section aria-labelledby="feed"><h2 id="feed">Events</h2>
        ${feed.problem && html`<${Problem} problem=${feed.problem} what="events"/>`}
        ${feed.loading ? html`<${Loading}/>` : feed.events.length === 0
          ? html`<${Empty}>Nothing has happened yet. Acquire a lease: <code>curl ${location.origin}/v1/leases/report/acquire -d '{"holder":"w1"}'</code><//>`
          : html`<${EventList} events=${feed.events.slice(0, 20)} now=${now}/>`}
        <p><a href="#/events">All events</a></p></section></div>`;
}

// Find goes to a lease by its name.
function Find() {
  const [name, set] = useState("");
  return html`<form class="find" role="search" onSubmit=${(e) => { e.preventDefault(); if (name.trim()) location.hash = leaseLink(name.trim()); }}>
    <label for="find" class="hidden">Find a lease by its name</label>
    <input id="find" type="search" placeholder="Find a lease" autocomplete="off" spellcheck=${false} value=${name} onInput=${(e) => set(e.target.value)}/>
    <button type="submit">Explain</button></form>`;
}

function Numbers({ stats }) {
  if (stats.problem && !stats.data) return html`<${Problem} problem=${stats.problem} what="leases"/>`;
  if (!stats.data) return html`<${Loading}/>`;
  const n = stats.data.leases;
  const minutes = stats.data.minutes ?? [];
  const series = (...types) => minutes.map((m) => types.reduce((sum, t) => sum + (m.events[t] ?? 0), 0));
  const spark = (label, tone, ...types) => {
    const values = series(...types);
    const total = values.reduce((a, b) => a + b, 0);
    return html`<div class="number-card wide"><dt>${label} in the last hour</dt><dd><span class="big">${count(total)}</span>
      <${Spark} values=${values} tone=${tone} label=${`${label} by the minute; at most ${Math.max(...values)} in a minute`}/></dd></div>`;
  };
  return html`<section aria-label="Numbers"><dl class="numbers">
    <div class="number-card"><dt>Held</dt><dd class="big"><a href="#/leases?state=held">${count(n.held)}</a></dd></div>
    <div class="number-card"><dt>Waited for</dt><dd class="big"><a href="#/leases?state=waited&order=waiters">${count(n.waited_for)}</a>
      <span class="small">${plural(n.waiters, "waiter")}</span></dd></div>
    <div class="number-card"><dt>In delay or breaking</dt><dd class="big"><a href="#/leases?state=delayed">${count(n.delayed + n.breaking)}</a></dd></div>
    ${minutes.length > 0 && spark("Grants", "", "acquired")}
    ${minutes.length > 0 && spark("Expiries", "warn", "expired")}</dl></section>`;
}

function Waited({ waited, now }) {
  const leases = waited.data?.leases ?? [];
  return html`<section aria-labelledby="waited"><h2 id="waited">Waited for</h2>
    ${waited.problem && !waited.data && html`<${Problem} problem=${waited.problem} what="leases"/>`}
    ${waited.data?.stale && html`<${Stale}/>`}
    ${waited.data && leases.length === 0 && html`<${Empty}>No lease has waiters.<//>`}
    ${leases.length > 0 && html`<ul class="waited">${leases.map((l) => {
      const hold = l.holders[0];
      return html`<li key=${l.name}><div><${LeaseName} name=${l.name}/> <span class="badge">${plural(l.queue_length, "waiter")}</span></div>
        <div class="muted">${hold ? html`held by <${HolderName} name=${hold.holder}/> for ${duration(hold.held_ms + now - waited.at)}` : l.state}
          ${l.queue[0] && html` · first waiter <${HolderName} name=${l.queue[0].holder}/> for ${duration(l.queue[0].waiting_ms + now - waited.at)}`}</div>
        ${hold && html`<${Remaining} left=${remaining(hold.free_in_ms, waited.at, now)} of=${hold.ttl_ms}/>`}</li>`;
    })}</ul>`}</section>`;
}
