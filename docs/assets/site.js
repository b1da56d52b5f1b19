// A slider over two pictures that lie on each other: how much of the second one is shown. Without it both halves stand.
for (const compare of document.querySelectorAll(".compare")) {
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 100, value: 50 });
  slider.setAttribute("aria-label", compare.dataset.label);
  slider.addEventListener("input", () => compare.style.setProperty("--shown", `${slider.value}%`));
  compare.append(slider);
}

// What is wider than the page can be scrolled by the keyboard, too; the buttons of each block of code have a name of their own.
function makeAccessible() {
  for (const wide of document.querySelectorAll("pre > code, .md-typeset__scrollwrap, math[display=block]")) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
  }
  document.querySelectorAll(".md-code__nav").forEach((buttons, number) => {
    buttons.setAttribute("aria-label", `${buttons.querySelector("button").title} ${number + 1}`);
  });
}

makeAccessible();
new MutationObserver(makeAccessible).observe(document.body, { childList: true, subtree: true });
addEventListener("resize", makeAccessible);
