// A form that leads to another page is sent once the server answers: the browser's own page of an error, or one that asks
// to sign in, would take away what was typed. Forms of the dialog are not its business: they leave the page where it is.
import { answers } from "./live.js";

const answered = new WeakSet();
const asking = new WeakSet();

async function send(form, submitter) {
  asking.add(form);
  submitter?.setAttribute("aria-busy", "true");
  try {
    if (!(await answers())) return;
    answered.add(form);
    form.requestSubmit(submitter);
  } finally {
    asking.delete(form);
    submitter?.removeAttribute("aria-busy");
  }
}

export function startSending() {
  if (!document.body.dataset.events) return;
  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (event.defaultPrevented || form.method !== "post" || !form.closest("#content") || answered.delete(form)) return;
    event.preventDefault();
    if (!asking.has(form)) send(form, submitter);
  });
}
