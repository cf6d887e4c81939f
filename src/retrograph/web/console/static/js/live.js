// One stream for the page. An event says that something changed; the parts of the page that show it are rendered anew by
// the server, at most once a second, and changed in place. After a lost connection everything is looked at again.
import { morphChildren } from "./morph.js";
import { localise } from "./times.js";
import { toast } from "./toasts.js";

const LEAST_WAIT = 1000;
const LONGEST_RETRY = 15000;
const PROBE = "/fragments/cards?kind=";
const EVENTS = ["job", "log", "cards"];

const due = new Map();
let stream = null;
let retry = 1000;
let lostAt = null;
let ended = false;

const regions = () => document.querySelectorAll("[data-live]");

function concerns(region, name, jobId) {
  if (!(region.dataset.liveOn ?? "job").split(" ").includes(name)) return false;
  const jobs = region.dataset.liveJob;
  return !jobs || !jobId || jobs.split(" ").includes(jobId);
}

const refused = (response) => response.type === "opaqueredirect" || response.status === 401 || response.status === 403;

async function rendered(url) {
  const response = await fetch(url, { headers: { "X-Fragment": "live", Accept: "text/html" }, redirect: "manual" });
  if (refused(response)) {
    end();
    return null;
  }
  return response.ok ? response.text() : null;
}

// Whether the server answers and still lets in; else it says why not.
export async function answers() {
  try {
    if ((await rendered(PROBE)) !== null) return true;
  } catch {
    // Said below, like an answer that is none.
  }
  if (!ended) toast("The server does not answer. Nothing was sent; what you typed stays here.", "warn");
  return false;
}

export function end() {
  if (ended) return;
  ended = true;
  stream?.close();
  say("lost", "signed out");
  toast("Your session has ended. Reload the page to sign in again.", "warn", 0);
}

async function refresh(region) {
  const state = due.get(region) ?? { last: 0, timer: null, busy: false, again: false };
  due.set(region, state);
  if (state.timer) return;
  if (state.busy) {
    state.again = true;
    return;
  }
  const wait = Math.max(0, state.last + LEAST_WAIT - Date.now());
  state.timer = setTimeout(async () => {
    state.timer = null;
    state.busy = true;
    try {
      const html = await rendered(region.dataset.live);
      if (html !== null && region.isConnected) put(region, html);
    } catch {
      // The stream notices that the server is away, and everything is looked at again afterwards.
    } finally {
      state.busy = false;
      state.last = Date.now();
    }
    if (!region.isConnected) due.delete(region);
    else if (state.again) {
      state.again = false;
      refresh(region);
    }
  }, wait);
}

function put(region, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  localise(template.content);
  morphChildren(region, template.content);
  region.dispatchEvent(new CustomEvent("live:changed", { bubbles: true }));
}

function heard(name, event) {
  let data = {};
  try {
    data = JSON.parse(event.data);
  } catch {
    // An event without a body concerns every part that listens to its name.
  }
  for (const region of regions()) if (concerns(region, name, data.job_id)) refresh(region);
  if (name === "job") document.dispatchEvent(new CustomEvent("live:job", { detail: data }));
}

function say(state, text) {
  const dot = document.getElementById("connection");
  if (!dot) return;
  dot.dataset.state = state;
  if (dot.textContent !== text) dot.textContent = text;
}

function age() {
  const passed = Math.round((Date.now() - lostAt) / 1000);
  if (passed < 60) return `${passed} s`;
  return passed < 3600 ? `${Math.floor(passed / 60)} min` : `${Math.floor(passed / 3600)} h`;
}

function connect(url) {
  stream = new EventSource(url);
  stream.addEventListener("open", () => {
    lostAt = null;
    retry = 1000;
    say("live", "live");
    document.body.removeAttribute("data-stale");
    for (const region of regions()) refresh(region);
  });
  stream.addEventListener("error", () => {
    if (ended) return;
    lostAt ??= Date.now();
    document.body.dataset.stale = "";
    say("lost", `lost, ${age()} old`);
    if (stream.readyState !== EventSource.CLOSED) return;
    rendered(PROBE).catch(() => {}); // a stream does not say why it was refused: an ended session does
    setTimeout(() => ended || connect(url), retry);
    retry = Math.min(LONGEST_RETRY, retry * 2);
  });
  for (const name of EVENTS) stream.addEventListener(name, (event) => heard(name, event));
}

// Refresh renders the whole page anew, in its present order, and still wipes no form and no selection.
async function refreshPage(link) {
  link.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (refused(response)) return end();
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const content = page.getElementById("content");
    if (!response.ok || !content) throw new Error(String(response.status));
    localise(content);
    morphChildren(document.getElementById("content"), content);
    document.dispatchEvent(new CustomEvent("live:refreshed"));
  } catch {
    toast("The server did not answer; what you see is as old as before.", "warn");
  } finally {
    link.removeAttribute("aria-busy");
  }
}

export function startLive() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-refresh]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    refreshPage(link);
  });
  // What htmx asks for is refused as well, with an address to go to: going there would wipe what somebody has typed.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (event.detail.xhr.status !== 401) return;
    event.preventDefault();
    end();
  });
  document.addEventListener("live:look", () => regions().forEach(refresh));
  const url = document.body.dataset.events;
  if (!url) return;
  connect(url);
  setInterval(() => lostAt !== null && !ended && say("lost", `lost, ${age()} old`), 1000);
  addEventListener("pagehide", () => stream?.close());
  addEventListener("pageshow", (event) => event.persisted && connect(url));
}

