// A short sentence in the corner, also read aloud; it leaves by itself unless it says `0`.
export function toast(text, tone = "ok", milliseconds = 6000) {
  const place = document.getElementById("toasts");
  if (!place) return;
  const note = document.createElement("div");
  note.className = `notice ${tone}`;
  const words = document.createElement("span");
  words.textContent = text;
  note.append(words);
  place.append(note);
  if (milliseconds) setTimeout(() => note.remove(), milliseconds);
}
