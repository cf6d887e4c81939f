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

const holdsMenu = (node) =>
  node.nodeType === Node.ELEMENT_NODE && (isHeld(node) || node.querySelector(":popover-open") !== null);

// Makes `match` the next child, where `place` is now, and returns what comes after it. An element that is moved leaves
// the page for a moment, which closes a menu in it: so one with an open menu stays, and what is before it goes behind it.
function bring(parent, match, place) {
  if (!holdsMenu(match)) {
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
    if (!match && place && alike(place, next)) match = place;
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
