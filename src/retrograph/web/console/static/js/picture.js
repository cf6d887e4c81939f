// A picture that is wider than its frame begins at the person whom it is about, not at its left edge.
export function startPicture(root = document) {
  for (const picture of root.querySelectorAll("svg.picture")) {
    const frame = picture.parentElement;
    const user = picture.querySelector(".node.user");
    if (!user || frame.scrollWidth <= frame.clientWidth) continue;
    const here = user.getBoundingClientRect();
    const seen = frame.getBoundingClientRect();
    frame.scrollLeft += here.left + here.width / 2 - (seen.left + seen.width / 2);
  }
}
