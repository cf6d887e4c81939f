// What asks before it acts. A link or button marked `data-dialog` leads to a page that asks; here that page's question
// opens in the dialog instead. Its form is sent from there; the answer is a sentence, or the question again.
import { end } from "./live.js";
import { localise } from "./times.js";
import { toast } from "./toasts.js";

const dialog = () => document.getElementById("dialog");
let opener = null;

async function ask(url) {
  opener = document.activeElement;
  const response = await fetch(url, { headers: { "X-Fragment": "dialog", Accept: "text/html" }, redirect: "manual" });
  if (response.type === "opaqueredirect" || response.status === 401) return end();
  show(await response.text());
}

function show(html) {
  const box = dialog();
  box.innerHTML = html;
  localise(box);
  const heading = box.querySelector("h1, h2");
  if (heading) {
    heading.id ||= "dialog-title";
    box.removeAttribute("aria-label");
    box.setAttribute("aria-labelledby", heading.id);
  }
  if (!box.open) box.showModal();
  (box.querySelector("[autofocus]") ?? box.querySelector("[data-close]") ?? box).focus();
}

async function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  submitter?.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, { method: "POST", headers: { "X-Fragment": "dialog", Accept: "text/html" }, body, redirect: "manual" });
    if (response.type === "opaqueredirect" || response.status === 401) return location.reload();
    const text = await response.text();
    document.dispatchEvent(new CustomEvent("live:look"));
    if (response.headers.get("X-Outcome") !== "done") return show(text);
    dialog().close();
    toast(text);
    document.dispatchEvent(new CustomEvent("action:done"));
  } catch {
    toast("The server did not answer. Look at the job before you try again: it may have been done.", "bad", 0);
  } finally {
    submitter?.removeAttribute("aria-busy");
  }
}

function addressOf(form, submitter) {
  const url = new URL(submitter.formAction, location.href);
  for (const [name, value] of new FormData(form)) url.searchParams.append(name, value);
  return url.href;
}

const unanswered = () => toast("The server did not answer; nothing was asked of it.", "warn");

export function startDialogs() {
  const box = dialog();
  if (!box) return;
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]") && box.contains(event.target)) {
      event.preventDefault();
      box.close();
      return;
    }
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    link.closest("[popover]")?.hidePopover();
    ask(link.href).catch(unanswered);
  });
  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (box.contains(form) && form.method === "post") {
      event.preventDefault();
      send(form, submitter);
    } else if (submitter?.hasAttribute("data-dialog")) {
      event.preventDefault();
      ask(addressOf(form, submitter)).catch(unanswered);
    }
  });
  box.addEventListener("click", (event) => event.target === box && box.close());
  box.addEventListener("close", () => {
    if (opener?.isConnected) opener.focus();
    opener = null;
  });
}
