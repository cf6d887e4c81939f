// Makes a part of the page like a newer rendering of it, changing only what differs: focus, selections, open menus, and
// whatever somebody has typed or ticked stay as they are.
const KEPT = new Set(["open", "aria-expanded", "data-kept"]);

function isHeld(element) {
  if (element.nodeType !== Node.ELEMENT_NODE) return false;
  if (element.hasAttribute("data-still")) return true;
  return element.hasAttribute("popover") && element.matches(":popover-open");
}

function isBeingRead(node) {
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed && selection.containsNode(node, true);
}

const isInUse = (node) =>
  node.nodeType === Node.ELEMENT_NODE &&
  (isHeld(node) || node.querySelector(":popover-open") !== null || node.contains(document.activeElement));

// Makes `match` the next child, where `place` is now, and returns what comes after it. An element that is moved leaves
// the page for a moment, which closes a menu in it and takes its focus: so one in use stays, and what is before it goes
// behind it.
function bring(parent, match, place) {
  if (!isInUse(match)) {
    parent.insertBefore(match, place);
    return place;
  }
  while (place !== match) {
    const next = place.nextSibling;
    parent.append(place);
    place = next;
  }
  return match.nextSibling;
}

function alike(one, other) {
  return (
    one.nodeType === other.nodeType &&
    one.nodeName === other.nodeName &&
    (one.nodeType !== Node.ELEMENT_NODE || one.id === other.id)
  );
}

// The next child that may become `wanted`. What comes before it may have gone: were all that follows made anew for that,
// what was typed there would be lost.
function successor(place, wanted) {
  if (place && alike(place, wanted)) return place;
  if (!place || wanted.nodeType !== Node.ELEMENT_NODE) return null;
  for (let later = place.nextSibling; later; later = later.nextSibling) {
    if (!later.id && alike(later, wanted) && later.getAttribute("class") === wanted.getAttribute("class")) return later;
  }
  return null;
}

function morphAttributes(current, wanted) {
  for (const { name, value } of wanted.attributes) {
    if (!KEPT.has(name) && current.getAttribute(name) !== value) current.setAttribute(name, value);
  }
  for (const { name } of [...current.attributes]) {
    if (!KEPT.has(name) && !wanted.hasAttribute(name)) current.removeAttribute(name);
  }
}

function morphNode(current, wanted) {
  if (current.nodeType !== Node.ELEMENT_NODE) {
    if (current.data !== wanted.data && !isBeingRead(current)) current.data = wanted.data;
    return;
  }
  if (isHeld(current)) return;
  morphAttributes(current, wanted);
  if (current.nodeName !== "TEXTAREA" && current.nodeName !== "SELECT") morphChildren(current, wanted);
}

export function morphChildren(current, wanted) {
  const known = new Map();
  for (const child of current.children) if (child.id) known.set(child.id, child);
  let place = current.firstChild;
  for (const next of [...wanted.childNodes]) {
    let match = next.id ? known.get(next.id) : null;
    match ??= successor(place, next);
    if (!match) {
      current.insertBefore(document.importNode(next, true), place);
      continue;
    }
    place = match === place ? place.nextSibling : bring(current, match, place);
    morphNode(match, next);
  }
  while (place) {
    const next = place.nextSibling;
    if (!isHeld(place)) place.remove();
    place = next;
  }
}
