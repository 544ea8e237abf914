// Events: what happened, by lease, actor, kind and time.
import { html, useEffect, useState } from "./preact.js";
import { get, query } from "./api.js";
import { eventName, eventTypes } from "./format.js";
import { useNow } from "./live.js";
import { Empty, EventList, Loading, Problem, setFilter } from "./parts.js";
import { Field, Select } from "./leases.js";
import { Tabs } from "./audit.js";

const types = [["", "any"], ...eventTypes.map((t) => [t, eventName(t)])];
const spans = [["", "any time"], ["5", "last 5 minutes"], ["60", "last hour"], ["1440", "last day"]];

export function Events({ params, me }) {
  const filters = { prefix: params.get("prefix") ?? "", actor: params.get("actor") ?? "", type: params.get("type") ?? "", span: params.get("span") ?? "" };
  const set = (name, value) => setFilter("#/events", name, value);
  const now = useNow(1000);
  const [page, put] = useState({ events: [], loading: true });
  const path = (more) => query("v1/events", {
    prefix: filters.prefix, actor: filters.actor, type: filters.type, limit: 100,
    since: filters.span ? new Date(Date.now() - Number(filters.span) * 60_000).toISOString() : "", ...more,
  });
  const load = async (before) => {
    try {
      const answer = await get(path(before ? { before } : {}));
      put((p) => ({ events: before ? [...p.events, ...answer.events] : answer.events, next: answer.next }));
    } catch (problem) {
      put((p) => ({ ...p, loading: false, problem }));
    }
  };
  const key = JSON.stringify(filters);
  useEffect(() => {
    put({ events: [], loading: true });
    load();
  }, [key]);
  return html`<div class="title"><h1>Events</h1><button type="button" onClick=${() => load()}>Refresh</button></div>
    <${Tabs} me=${me} at=""/>
    <form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <${Field} id="prefix" label="Lease begins with" value=${filters.prefix} onValue=${(v) => set("prefix", v)}/>
      <${Field} id="actor" label="Holder or operator" value=${filters.actor} onValue=${(v) => set("actor", v)}/>
      <${Select} id="type" label="Event" value=${filters.type} options=${types} onValue=${(v) => set("type", v)}/>
      <${Select} id="span" label="Time" value=${filters.span} options=${spans} onValue=${(v) => set("span", v)}/></form>
    ${page.problem && html`<${Problem} problem=${page.problem} what="events"/>`}
    ${page.loading ? html`<${Loading}/>` : page.events.length === 0 ? !page.problem && html`<${Empty}>No event matches.<//>`
      : html`<${EventList} events=${page.events} now=${now}/>`}
    ${page.next && html`<p><button type="button" onClick=${() => load(page.next)}>Older events</button></p>`}
    <p class="muted">A node keeps the newest 65,536 events. The page of a lease has its history for longer.</p>`;
}
