// One lease: why it is not free, who holds it, who waits, what happened, and what can be done.
import { html, useState } from "./preact.js";
import { leasePath } from "./api.js";
import { duration, plural, quoted, shown } from "./format.js";
import { remaining, useLoad, useNow } from "./live.js";
import { Copy, EventList, HolderName, Loading, Meta, Problem, Remaining, Stale, State } from "./parts.js";
import { Link, useFeed } from "./overview.js";
import { BreakDialog, HandOverDialog } from "./actions.js";

export function Lease({ name, me }) {
  const now = useNow(250);
  const lease = useLoad(leasePath(name), 2000);
  const why = useLoad(leasePath(name, "explain"), 2000);
  const history = useLoad(leasePath(name, "history"), 60_000);
  const feed = useFeed({ name, onEvent: () => { lease.reload(); why.reload(); history.reload(); } });
  const [action, setAction] = useState(null);
  const [done, setDone] = useState("");
  const close = (message = "") => {
    setAction(null);
    setDone(message);
    lease.reload();
    why.reload();
    history.reload();
  };
  if (!lease.data) {
    return html`<h1>${shown(name)}</h1>${lease.problem ? html`<${Problem} problem=${lease.problem} what="this lease"/>` : html`<${Loading}/>`}`;
  }
  const l = lease.data;
  const current = (hold) => l.holders.find((h) => h.token === hold.token) ?? { ...hold, ended: true };
  const act = me.operates(name) && !l.stale ? setAction : null;
  return html`<p class="crumbs"><a href="#/leases">Leases</a></p>
    <div class="title"><h1>${shown(name)}</h1><${State} state=${l.state}/><${Link} link=${feed.link}/></div>
    ${lease.problem && html`<${Problem} problem=${lease.problem} what="this lease"/>`}
    ${l.stale && html`<${Stale}/>`}${done && html`<p class="done" role="status">${done}</p>`}
    <${Why} why=${why} now=${now} act=${act} lease=${l}/>
    <${Holders} lease=${l} at=${lease.at} now=${now} act=${act}/>
    <${Queue} lease=${l} at=${lease.at} now=${now}/>
    <section aria-labelledby="history"><h2 id="history">History</h2>
      ${history.data ? (history.data.events.length > 0 ? html`<${EventList} events=${history.data.events} now=${now} named=${false}/>`
        : html`<p class="muted">Nothing is known of this lease.</p>`) : html`<${Loading}/>`}
      <p class="muted">Granted ${plural(l.transitions, "time")}.</p></section>
    <${Commands} name=${name} limit=${l.holder_count + l.queue_length > 0 ? l.limit : 1} me=${me}/>
    ${action?.kind === "break" && html`<${BreakDialog} name=${name} hold=${current(action.hold)} at=${lease.at} onClose=${close}/>`}
    ${action?.kind === "hand-over" && html`<${HandOverDialog} name=${name} hold=${action.hold} queue=${l.queue} onClose=${close}/>`}`;
}

// Why is the explanation of the lease.
function Why({ why, now, act, lease }) {
  const e = why.data;
  if (!e) return why.problem ? html`<${Problem} problem=${why.problem} what="this lease"/>` : html`<${Loading}/>`;
  const left = remaining(e.available_in_ms, why.at, now);
  return html`<section class="why ${e.available ? "free" : ""}" aria-labelledby="why"><h2 id="why">${e.available ? (lease.holder_count > 0 ? "A slot is free" : "It is free") : "Why is it not free?"}</h2>
    <ul class="reasons">${e.blocking.slice(0, 4).map((b) => html`<li key=${b.token}><${Reason} block=${b} at=${why.at} now=${now}/></li>`)}
      ${e.blocking_count > 4 && html`<li>and ${plural(e.blocking_count - 4, "more slot", "more slots")}</li>`}
      ${e.waiters > 0 && html`<li>${plural(e.waiters, "waiter is", "waiters are")} served before a new one.</li>`}
      ${e.blocking_count === 0 && html`<li>${shown(e.summary)}</li>`}</ul>
    ${left !== undefined && html`<p class="latest">At the latest it is free in <b class="number">${duration(left)}</b>${e.blocking.some((b) => b.cause === "held") ? ", unless a holder renews" : ""}.</p>`}
    ${e.last_end && html`<p class="muted">The last hold: ${shown(e.last_end.detail)}</p>`}
    ${e.sooner.length > 0 && html`<h3>What would free it sooner</h3><ul class="steps">${e.sooner.map((s) => html`<li key=${s.action + s.token}>
      <span>${shown(s.detail)}</span> <${StepButton} step=${s} act=${act} lease=${lease}/></li>`)}</ul>`}</section>`;
}

function Reason({ block: b, at, now }) {
  const left = duration(remaining(b.free_in_ms, at, now));
  const age = duration(b.held_ms === undefined ? undefined : b.held_ms + now - at);
  const who = html`<${HolderName} name=${b.holder}/> <span class="token">token ${b.token}</span>`;
  switch (b.cause) {
    case "held":
      return html`Held by ${who} for ${age}${b.free_in_ms === undefined ? html`. It has no TTL: it lasts until it is released or broken.`
        : b.renewed_ms_ago === undefined ? html`, not renewed since the leader changed.` : html`, renewed ${duration(b.renewed_ms_ago + now - at)} ago.`}${b.step_down && html` <span class="badge">asked to step down</span>`}`;
    case "breaking":
      return html`The hold of ${who} was broken by <b>${shown(b.by)}</b>: <q>${shown(b.reason)}</q>. Its grace period ends in <b class="number">${left}</b>.`;
    case "delayed":
      return html`In delay after the hold of ${who}, for another <b class="number">${left}</b>.`;
  }
  return html`${shown(b.detail)}`;
}

function StepButton({ step, act, lease }) {
  const hold = lease.holders.find((h) => h.token === step.token);
  if (!act || !hold) return null;
  if (step.action === "break") return html`<button type="button" class="danger" onClick=${() => act({ kind: "break", hold })}>Break…</button>`;
  if (step.action === "step-down") return html`<button type="button" onClick=${() => act({ kind: "hand-over", hold })}>Ask to step down…</button>`;
  return null;
}

function Holders({ lease: l, at, now, act }) {
  if (l.holders.length === 0) return null;
  const slots = l.limit > 1;
  return html`<section aria-labelledby="holders"><h2 id="holders">${slots ? `Holders, ${l.holder_count} of ${l.limit} slots` : "Holder"}</h2>
    <div class="table-box" tabindex="0" role="region" aria-label="Holders"><table><thead><tr>${slots && html`<th scope="col" class="num">Slot</th>`}<th scope="col">Holder</th><th scope="col" class="num">Token</th>
      <th scope="col" class="num">Held for</th><th scope="col" class="num">TTL</th><th scope="col" class="num">Renewed</th><th scope="col">Remaining</th><th scope="col">About</th>${act && html`<th scope="col">Actions</th>`}</tr></thead>
    <tbody>${l.holders.slice(0, 100).map((h) => html`<tr key=${h.token}>${slots && html`<td class="num">${h.slot}</td>`}
      <th scope="row"><${HolderName} name=${h.holder}/>${h.principal && html`<div class="muted">${shown(h.principal)}</div>`}
        ${h.breaking && html` <span class="state breaking">breaking</span>`}
        ${h.step_down && html`<div class="badge">asked to step down${h.step_down.to && ` for ${shown(h.step_down.to)}`}${h.step_down.within_ms !== undefined && `, ${duration(remaining(h.step_down.within_ms, at, now))} left`}</div>`}</th>
      <td class="num token">${h.token}</td><td class="num">${duration(h.held_ms + now - at)}</td><td class="num">${h.ttl_ms > 0 ? duration(h.ttl_ms) : "none"}</td>
      <td class="num">${h.renewed_ms_ago === undefined ? "–" : `${duration(h.renewed_ms_ago + now - at)} ago`}</td>
      <td><${Remaining} left=${remaining(h.free_in_ms, at, now)} of=${h.ttl_ms}/></td><td class="about"><${Meta} meta=${h.meta}/></td>
      ${act && html`<td class="actions"><button type="button" onClick=${() => act({ kind: "hand-over", hold: h })} disabled=${h.breaking}>Hand over…</button>
        <button type="button" class="danger" onClick=${() => act({ kind: "break", hold: h })}>Break…</button></td>`}</tr>`)}</tbody></table></div>
    ${l.holders.length > 100 && html`<p class="muted">The first 100 of ${l.holders.length} holders.</p>`}</section>`;
}

function Queue({ lease: l, at, now }) {
  if (l.queue.length === 0) return null;
  return html`<section aria-labelledby="queue"><h2 id="queue">Queue, ${plural(l.queue_length, "waiter")}</h2>
    <div class="table-box" tabindex="0" role="region" aria-label="Queue"><table class="narrow"><thead><tr><th scope="col" class="num">Position</th><th scope="col">Holder</th><th scope="col" class="num">Priority</th><th scope="col" class="num">Waiting for</th></tr></thead>
    <tbody>${l.queue.slice(0, 100).map((w, i) => html`<tr key=${i}><td class="num">${i + 1}</td><th scope="row"><${HolderName} name=${w.holder}/></th>
      <td class="num">${w.priority}</td><td class="num">${duration(w.waiting_ms + now - at)}</td></tr>`)}</tbody></table></div>
    ${l.queue.length > 100 && html`<p class="muted">The first 100 of ${l.queue.length} waiters.</p>`}</section>`;
}

function Commands({ name, limit, me }) {
  const base = `${location.origin}/${leasePath(name)}`;
  const curl = `curl -s${me.mode === "off" ? "" : ` -H "Authorization: Bearer $LOCKD_TOKEN"`}`;
  const node = `--addr ${location.origin}`;
  return html`<section aria-labelledby="commands"><h2 id="commands">Commands</h2>
    <${Copy} label="explain" text=${`lockd explain ${quoted(name)} ${node}`}/>
    <${Copy} label="acquire" text=${`${curl} ${base}/acquire -d '{"holder":"me","ttl_ms":15000,"wait_ms":10000${limit > 1 ? `,"limit":${limit}` : ""}}'`}/>
    <${Copy} label="watch" text=${`${curl} -N -H 'Accept: text/event-stream' '${location.origin}/v1/watch?name=${encodeURIComponent(name)}'`}/>
    <${Copy} label="guard" text=${`lockd lock ${quoted(name)}${limit > 1 ? ` --limit ${limit}` : ""} ${node} -- ./job.sh`}/></section>`;
}
