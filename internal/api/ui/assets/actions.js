// What an operator can do with a hold. Each action says what it means before it is done, and names the hold by its token,
// so that it never reaches the hold after it.
import { html, useState } from "./preact.js";
import { leasePath, post } from "./api.js";
import { duration, shown } from "./format.js";
import { remaining, useNow } from "./live.js";
import { Dialog } from "./parts.js";

// useAction runs an action once at a time, and has its error.
function useAction(run) {
  const [state, set] = useState({});
  const go = async (e) => {
    e?.preventDefault?.();
    if (state.running) return;
    set({ running: true });
    try {
      await run();
    } catch (problem) {
      set({ problem });
    }
  };
  return { ...state, go };
}

export function ActionProblem({ problem }) {
  if (!problem) return null;
  return html`<div class="problem" role="alert"><strong>${problem.title}</strong> <span>${shown(problem.detail)}</span>
    ${problem.definitive === false && html`<span> It is not known whether it was done: look at the lease before you repeat it.</span>`}</div>`;
}

// BreakDialog ends the hold of another session.
export function BreakDialog({ name, hold, at, onClose }) {
  const now = useNow(250);
  const [typed, setTyped] = useState("");
  const [reason, setReason] = useState("");
  const [grace, setGrace] = useState(hold.breaking ? "now" : "promise");
  const left = remaining(hold.free_in_ms, at, now);
  const action = useAction(async () => {
    const body = { token: hold.token, reason: reason.trim() };
    if (grace === "now") body.grace_ms = 0;
    const b = await post(leasePath(name, "break"), body);
    onClose(`The hold of ${hold.holder} (token ${hold.token}) is broken. The lease is free ${b.available_in_ms > 0 ? `in at most ${duration(b.available_in_ms)}` : "now"}.`);
  });
  const ready = typed === name && reason.trim() !== "" && !action.running && !hold.ended;
  return html`<${Dialog} title=${`Break the hold of ${shown(hold.holder)}`} onClose=${() => onClose()}><form onSubmit=${action.go}>
    <p>The renewals of <b>${shown(hold.holder)}</b> (token ${hold.token}) are refused at once. Its work may still be running: only the fencing token stops its late writes.</p>
    ${hold.ended && html`<p class="done" role="status">The hold has ended meanwhile: there is nothing to break.</p>`}
    <fieldset><legend>When is the lease free?</legend>
      ${!hold.breaking && html`<label class="choice"><input type="radio" name="grace" checked=${grace === "promise"} onChange=${() => setGrace("promise")}/>
        <span>When the last promise to the holder ends${left === undefined ? ": it was promised no end, so at once" : html`, in at most <b class="number">${duration(left)}</b>`}. Two holders never overlap.</span></label>`}
      <label class="choice"><input type="radio" name="grace" checked=${grace === "now"} onChange=${() => setGrace("now")}/>
        <span>At once. <b>The old holder may still be working</b>: choose this only if you know that it is not.</span></label></fieldset>
    <label for="reason">Reason, for the history<input id="reason" required maxlength="200" value=${reason} autocomplete="off" onInput=${(e) => setReason(e.target.value)}/></label>
    <label for="confirm">Type <b class="name">${shown(name)}</b> to confirm<input id="confirm" required value=${typed} autocomplete="off" spellcheck=${false} onInput=${(e) => setTyped(e.target.value)}/></label>
    <${ActionProblem} problem=${action.problem}/>
    <div class="buttons"><button type="button" onClick=${() => onClose()}>Cancel</button><button type="submit" class="danger" disabled=${!ready}>Break the hold</button></div></form><//>`;
}

// HandOverDialog asks a holder to step down, or to transfer the lease to a waiter.
export function HandOverDialog({ name, hold, queue, onClose }) {
  const [to, setTo] = useState("");
  const [within, setWithin] = useState("30");
  const action = useAction(async () => {
    const body = { token: hold.token };
    if (to) body.to = to;
    if (within) body.within_ms = Math.round(Number(within) * 1000);
    await post(leasePath(name, "step-down"), body);
    onClose(`${hold.holder} (token ${hold.token}) is asked to ${to ? `transfer the lease to ${to}` : "step down"}. It receives the request with its next renewal.`);
  });
  const waiters = [...new Set(queue.map((w) => w.holder))];
  return html`<${Dialog} title=${`Ask ${shown(hold.holder)} to hand over`} onClose=${() => onClose()}><form onSubmit=${action.go}>
    <p>The hold does not end. <b>${shown(hold.holder)}</b> receives the request with its next renewal, and transfers or releases the lease when that is safe.</p>
    <label for="to">Hand over to<select id="to" value=${to} onChange=${(e) => setTo(e.target.value)}><option value="">the next in the queue</option>
      ${waiters.map((w) => html`<option value=${w}>${shown(w)}</option>`)}</select></label>
    <label for="within">Within, in seconds (empty: no limit)<input id="within" type="number" min="1" max="86400" step="1" value=${within} onInput=${(e) => setWithin(e.target.value)}/></label>
    <${ActionProblem} problem=${action.problem}/>
    <div class="buttons"><button type="button" onClick=${() => onClose()}>Cancel</button><button type="submit" class="primary" disabled=${action.running}>Ask to hand over</button></div></form><//>`;
}

// ConfirmDialog asks for the name of what an action changes.
export function ConfirmDialog({ title, name, button, danger = true, disabled = false, children, run, onClose }) {
  const [typed, setTyped] = useState("");
  const action = useAction(async () => onClose(await run()));
  const ready = (!name || typed === name) && !action.running && !disabled;
  return html`<${Dialog} title=${title} onClose=${() => onClose()}><form onSubmit=${action.go}>${children}
    ${name && html`<label for="confirm">Type <b class="name">${shown(name)}</b> to confirm<input id="confirm" required value=${typed} autocomplete="off" spellcheck=${false} onInput=${(e) => setTyped(e.target.value)}/></label>`}
    <${ActionProblem} problem=${action.problem}/>
    <div class="buttons"><button type="button" onClick=${() => onClose()}>Cancel</button><button type="submit" class=${danger ? "danger" : "primary"} disabled=${!ready}>${button}</button></div></form><//>`;
}
