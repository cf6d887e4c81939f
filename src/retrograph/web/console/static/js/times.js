// The one formatter of instants: the viewer's zone in the text, UTC where the pointer rests.
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const seconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

function ago(then, now) {
  const passed = (now - then) / 1000;
  const size = Math.abs(passed);
  if (size < 2) return "now";
  const said = (count, unit) => (passed > 0 ? `${count} ${unit} ago` : `in ${count} ${unit}`);
  if (size < 60) return said(Math.floor(size), "s");
  if (size < 3600) return said(Math.floor(size / 60), "min");
  if (size < 86400) return said(Math.floor(size / 3600), "h");
  const days = Math.floor(size / 86400);
  if (days === 1) return passed > 0 ? "yesterday" : "tomorrow";
  return said(days, "days");
}

function clockTime(then, now) {
  const sameDay = then.toDateString() === now.toDateString();
  return sameDay ? clock.format(then) : `${day.format(then)}, ${clock.format(then)}`;
}

const styles = {
  ago,
  clock: clockTime,
  full: (then) => `${day.format(then)}, ${seconds.format(then)}`,
};

// The server's clock decides what "ago" means; the viewer's may be wrong.
let ahead = 0;
export const serverNow = () => new Date(Date.now() + ahead);

export function localise(root) {
  const now = serverNow();
  for (const element of root.querySelectorAll("time[data-time]")) {
    const then = new Date(element.dateTime);
    const style = styles[element.dataset.time];
    if (!style || Number.isNaN(then.getTime())) continue;
    const text = style(then, now);
    if (element.textContent !== text) element.textContent = text;
  }
}

export function startTimes() {
  const said = Number(document.body.dataset.now);
  if (said) ahead = said - Date.now();
  localise(document);
  setInterval(() => document.hidden || localise(document), 5000);
}
