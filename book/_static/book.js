// Previews of citations, glossary words, figures and equations; wide formulas; search on the disk.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href).href;

  // A page opened from the disk may not fetch the pages that the search excerpts are cut from: their text came along.
  if (location.protocol === "file:" && window.excerpts) {
    window.fetch = async (address) => {
      const page = new URL(address, location.href).href.slice(root.length).split(/[?#]/)[0];
      const main = document.createElement("div");
      main.setAttribute("role", "main");
      main.textContent = window.excerpts[decodeURIComponent(page)] ?? "";
      return { text: async () => main.outerHTML };
    };
  }

  // A formula in the text that is wider than its column scrolls, as the displayed ones do.
  addEventListener("load", () => {
    for (const formula of document.querySelectorAll(".bd-article span.math > math")) {
      const column = formula.closest("p, li, dd")?.clientWidth ?? Infinity;
      if (formula.getBoundingClientRect().width > column) formula.parentNode.classList.add("wide");
    }
    // what scrolls has to be in reach of the keyboard; no other formula or figure is a stop
    for (const formula of document.querySelectorAll(".bd-article :is(.formula, span.math.wide, figure)")) {
      if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    }
  });

  // The theme's buttons, whose own scripts a server may forbid.
  const actions = { "window.print": () => window.print(), toggleFullScreen: () => window.toggleFullScreen() };
  document.addEventListener("click", ({ target }) => actions[target.closest?.("[data-does]")?.dataset.does]?.());

  // Paper is light: a page that is read in the dark is printed in the light colours.
  let before = null; // the theme of the page that is being printed
  const print = (begins) => {
    const { dataset } = document.documentElement;
    if (begins && before === null) [before, dataset.theme] = [dataset.theme, "light"];
    else if (!begins && before !== null) [dataset.theme, before] = [before, null];
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  matchMedia("print").addEventListener("change", ({ matches }) => print(matches));

  const tip = document.createElement("div");
  tip.id = "preview";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  let shown = null, timer = 0;

  const linkOf = (event) => event.target.closest?.('.bd-article a.reference.internal[href*="#"]');

  const show = (link) => {
    const key = decodeURIComponent(link.href.split("?")[0].slice(root.length));
    const content = window.previews?.[link.href.startsWith(root) ? key : ""];
    if (!content || shown === link) return;
    hide();
    shown = link;
    tip.innerHTML = content;
    // figures are named from the book's root
    for (const image of tip.querySelectorAll("img")) image.src = root + image.getAttribute("src");
    tip.hidden = false;
    link.setAttribute("aria-describedby", "preview");
    const place = () => {
      const box = link.getBoundingClientRect(), width = document.documentElement.clientWidth;
      const left = Math.max(8, Math.min(box.left, width - tip.offsetWidth - 8));
      const above = box.bottom + tip.offsetHeight + 8 > innerHeight && box.top > tip.offsetHeight + 8;
      tip.style.left = `${left + scrollX}px`;
      tip.style.top = `${(above ? box.top - tip.offsetHeight - 6 : box.bottom + 6) + scrollY}px`;
    };
    place();
  };

  const hide = () => {
    shown?.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  };
  const soon = (action, delay) => { clearTimeout(timer); timer = setTimeout(action, delay); };

  // With a mouse only: a finger that taps a link means to follow it.
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const link = linkOf(event);
    if (link) soon(() => show(link), 200);
    else if (event.target.closest?.("#preview")) clearTimeout(timer);
    else if (shown) soon(hide, 300);
  });
  document.addEventListener("focusin", (event) => {
    const link = linkOf(event);
    if (link && link.matches(":focus-visible")) show(link);
    else hide();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
});
