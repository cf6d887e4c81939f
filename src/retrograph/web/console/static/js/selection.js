// Which jobs of the list are ticked: one box for all, and how many there are. What is done with them is the form's.
const form = () => document.getElementById("selection");
const boxes = () => [...(form()?.querySelectorAll("input[name='job']") ?? [])];

function count() {
  const all = boxes();
  const ticked = all.filter((box) => box.checked).length;
  const every = document.getElementById("every");
  if (every) {
    every.checked = all.length > 0 && ticked === all.length;
    every.indeterminate = ticked > 0 && ticked < all.length;
  }
  const said = document.getElementById("selected");
  if (said) said.textContent = `${ticked.toLocaleString("en")} selected`;
}

function clear() {
  for (const box of boxes()) box.checked = false;
  count();
}

export function startSelection() {
  document.addEventListener("change", (event) => {
    if (event.target.id === "every") for (const box of boxes()) box.checked = event.target.checked;
    if (form()?.contains(event.target)) count();
  });
  document.addEventListener("click", (event) => event.target.closest("[data-unselect]") && clear());
  document.addEventListener("action:done", clear);
  document.addEventListener("live:changed", count);
  document.addEventListener("live:refreshed", count);
  document.addEventListener("htmx:load", count);
  count();
  startNewcomers();
}

// A job that came after this page was rendered is announced; the list itself changes only when asked.
function startNewcomers() {
  const since = Number(document.body.dataset.now);
  const seen = new Set();
  document.addEventListener("live:job", ({ detail: job }) => {
    const note = document.getElementById("newcomers");
    if (!note || document.getElementById(`job-${job.job_id}`)) return;
    if (Date.parse(job.created_at) < since || job.archived) return;
    const kind = note.dataset.kind;
    if (kind && kind !== job.kind) return;
    seen.add(job.job_id);
    note.querySelector("[data-count]").textContent = seen.size === 1 ? "A new job" : `${seen.size} new jobs`;
    note.hidden = false;
  });
  document.addEventListener("live:refreshed", () => {
    seen.clear();
    const note = document.getElementById("newcomers");
    if (note) note.hidden = true;
  });
}
