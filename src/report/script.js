
// The page reads without this. It adds one thing: the nearest figure under the pointer, at once and by touch.
(() => {
  const tip = document.getElementById("tip");
  let hot = null;
  const hide = () => {
    tip.hidden = true;
    if (hot) hot.classList.remove("hot");
    hot = null;
  };
  const show = (event) => {
    const area = event.target instanceof Element && event.target.closest("svg.area, svg.square");
    if (!area) return hide();
    let best = null;
    let least = Infinity;
    for (const point of area.querySelectorAll(".pt")) {
      const box = point.getBoundingClientRect();
      const dx = (box.left + box.right) / 2 - event.clientX;
      const dy = area.matches(".square") ? (box.top + box.bottom) / 2 - event.clientY : 0;
      const far = dx * dx + dy * dy;
      if (far < least) { least = far; best = point; }
    }
    if (!best) return hide();
    if (best !== hot) {
      hide();
      hot = best;
      hot.classList.add("hot");
      tip.textContent = best.dataset.tip;
    }
    tip.hidden = false;
    const box = best.getBoundingClientRect();
    const width = tip.offsetWidth;
    const left = Math.min(Math.max((box.left + box.right) / 2 - width / 2, 8), document.documentElement.clientWidth - width - 8);
    const above = box.top - tip.offsetHeight - 10;
    tip.style.left = left + "px";
    tip.style.top = (above < 4 ? box.bottom + 10 : above) + "px";
  };
  // The browser's own hint would stand beside ours.
  for (const title of document.querySelectorAll("svg title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", hide, { passive: true });
  // A link to a row opens it.
  const open = () => {
    const place = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let node = place; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    if (place) place.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", open);
  open();
  // On paper nothing unfolds: everything but the long tables is printed.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open]):not(.alert):not([name])")].filter((one) => !one.querySelector("tbody tr:nth-child(12)"));
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of folded) one.open = false; });
})();
