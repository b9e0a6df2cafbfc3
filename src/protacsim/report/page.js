"use strict";
// Headings of tables become buttons that sort; without scripts they are plain text.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const number = (row) => parseFloat(row.cells[column].dataset.value);
      const words = (row) => row.cells[column].textContent;
      // Numbers come first, and words, such as the reason of a missing number, always last.
      const order = (a, b) => {
        const [x, y] = [number(a), number(b)];
        if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
        const rise = Number.isNaN(x) ? words(a).localeCompare(words(b)) : x - y;
        return down ? -rise : rise;
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
});
