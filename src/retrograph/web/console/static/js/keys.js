// `/` goes to the search of the page, unless somebody is typing.
const typing = (target) => target.closest("input, textarea, select, [contenteditable], dialog[open]") !== null;

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key !== "/") return;
    const search = document.querySelector("input[type='search']");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
}
