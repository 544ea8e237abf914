// Holders: who holds what, and step-down of everything that one holder has.
import { html, useRef, useState } from "./preact.js";
import { get, leasePath, post, query } from "./api.js";
import { count, duration, plural, shown } from "./format.js";
import { remaining, useLoad, useNow, useWatch } from "./live.js";
import { Dialog, Empty, HolderName, LeaseName, Loading, Problem, Remaining, Stale, State } from "./parts.js";
import { Field } from "./leases.js";
import { Link } from "./overview.js";
import { ActionProblem } from "./actions.js";

export function Holders({ params }) {
  const prefix = params.get("prefix") ?? "";
  const principal = params.get("principal") ?? "";
  const holders = useLoad(query("v1/holders", { prefix, principal, limit: 500 }), 5000);
  const link = useWatch({ after: holders.data?.revision, event: () => holders.reload() });
  const set = (name, value) => {
    history.replaceState(null, "", query("#/holders", { prefix, principal, [name]: value }));
    dispatchEvent(new HashChangeEvent("hashchange"));
  };
  const all = holders.data?.holders ?? [];
  const named = all.some((h) => h.principal);
  return html`<div class="title"><h1>Holders</h1><${Link} link=${link}/></div>
    <form class="filters" onSubmit=${(e) => e.preventDefault()}><${Field} id="prefix" label="Name begins with" value=${prefix} onValue=${(v) => set("prefix", v)}/>
      ${(named || principal) && html`<${Field} id="principal" label="Principal" value=${principal} onValue=${(v) => set("principal", v)}/>`}
      <p class="muted" role="status">${holders.data && `${count(all.length)} of ${plural(holders.data.holder_count, "holder")}, those with the most holds first`}</p></form>
    ${holders.problem && html`<${Problem} problem=${holders.problem} what="holders"/>`}
    ${!holders.data ? !holders.problem && html`<${Loading}/>` : all.length === 0 ? html`<${Empty}>No holder matches.<//>`
      : html`<div class="table-box" tabindex="0" role="region" aria-label="Table of holders"><table><thead><tr><th scope="col">Holder</th>${named && html`<th scope="col">Principal</th>`}<th scope="col" class="num">Leases</th><th scope="col" class="num">Waits for</th></tr></thead>
        <tbody>${all.map((h) => html`<tr key=${`${h.holder} ${h.principal}`}><th scope="row"><${HolderName} name=${h.holder}/></th>${named && html`<td>${shown(h.principal ?? "–")}</td>`}
          <td class="num">${count(h.holds)}</td><td class="num">${count(h.waiting)}</td></tr>`)}</tbody></table></div>`}`;
}

export function Holder({ name, me }) {
  const now = useNow(500);
  const leases = useLoad(query("v1/leases", { holder: name, limit: 500 }), 3000);
  const link = useWatch({ after: leases.data?.revision, event: (e) => { if (e.holder === name || e.to === name) leases.reload(); } });
  const [asking, setAsking] = useState(false);
  const [done, setDone] = useState("");
  const rows = (leases.data?.leases ?? []).flatMap((l) => l.holders.filter((h) => h.holder === name).map((h) => ({ lease: l, hold: h })));
  const operable = rows.filter((r) => me.operates(r.lease.name));
  return html`<p class="crumbs"><a href="#/holders">Holders</a></p>
    <div class="title"><h1>${shown(name)}</h1><${Link} link=${link}/>
      ${operable.length > 0 && html`<button type="button" onClick=${() => setAsking(true)}>Ask to step down from all…</button>`}</div>
    ${done && html`<p class="done" role="status">${done}</p>`}
    ${leases.problem && html`<${Problem} problem=${leases.problem} what="these leases"/>`}${leases.data?.stale && html`<${Stale}/>`}
    ${!leases.data ? !leases.problem && html`<${Loading}/>` : rows.length === 0 ? html`<${Empty}>This holder holds no lease that you may see.<//>`
      : html`<p class="muted">${plural(rows.length, "hold")}${leases.data.next ? " and more" : ""}</p>
        <div class="table-box" tabindex="0" role="region" aria-label="Leases of this holder"><table><thead><tr><th scope="col">Lease</th><th scope="col">State</th><th scope="col" class="num">Token</th><th scope="col" class="num">Held for</th><th scope="col">Remaining</th><th scope="col" class="num">Waiters</th></tr></thead>
        <tbody>${rows.map(({ lease: l, hold: h }) => html`<tr key=${h.token}><th scope="row"><${LeaseName} name=${l.name}/>${h.step_down && html` <span class="badge">asked to step down</span>`}</th>
          <td><${State} state=${h.breaking ? "breaking" : l.state}/></td><td class="num token">${h.token}</td><td class="num">${duration(h.held_ms + now - leases.at)}</td>
          <td><${Remaining} left=${remaining(h.free_in_ms, leases.at, now)} of=${h.ttl_ms}/></td><td class="num">${l.queue_length}</td></tr>`)}</tbody></table></div>`}
    ${asking && html`<${StepDownAll} name=${name} me=${me} onClose=${(message) => { setAsking(false); setDone(message ?? ""); leases.reload(); }}/>`}`;
}

// StepDownAll asks for each hold of a holder, page by page, and says how far it is.
function StepDownAll({ name, me, onClose }) {
  const [within, setWithin] = useState("60");
  const [progress, set] = useState(null);
  const stopped = useRef(false);
  const close = (message) => {
    stopped.current = true;
    onClose(message);
  };
  const run = async (e) => {
    e.preventDefault();
    const result = { asked: 0, ended: 0 };
    set(result);
    let cursor = "";
    try {
      do {
        const page = await get(query("v1/leases", { holder: name, limit: 200, cursor }));
        for (const l of page.leases.filter((lease) => me.operates(lease.name))) {
          for (const h of l.holders.filter((hold) => hold.holder === name && !hold.breaking)) {
            if (stopped.current) return;
            try {
              await post(leasePath(l.name, "step-down"), { token: h.token, ...(within ? { within_ms: Math.round(Number(within) * 1000) } : {}) });
              result.asked += 1;
            } catch (problem) {
              if (problem.status !== 409) throw problem; // 409: the hold has ended meanwhile
              result.ended += 1;
            }
            set({ ...result });
          }
        }
        cursor = page.next ?? "";
      } while (cursor);
      close(`${shown(name)} is asked to step down from ${plural(result.asked, "lease")}.${result.ended ? ` ${plural(result.ended, "hold")} had ended already.` : ""}`);
    } catch (problem) {
      set({ ...result, problem });
    }
  };
  return html`<${Dialog} title=${`Ask ${shown(name)} to step down from all leases`} onClose=${() => close()}><form onSubmit=${run}>
    <p>For maintenance of its machine. No hold ends: the holder receives each request with its next renewal, and hands over when that is safe.</p>
    <label for="within">Within, in seconds (empty: no limit)<input id="within" type="number" min="1" max="86400" value=${within} onInput=${(e) => setWithin(e.target.value)}/></label>
    ${progress && html`<p role="status">${plural(progress.asked, "request")} sent.</p>`}<${ActionProblem} problem=${progress?.problem}/>
    <div class="buttons"><button type="button" onClick=${() => close()}>${progress && !progress.problem ? "Stop" : "Cancel"}</button><button type="submit" class="primary" disabled=${progress && !progress.problem}>Ask to step down</button></div></form><//>`;
}
