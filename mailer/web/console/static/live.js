// Replaces parts of a page by newer ones while it is looked at. All of it works without this script, by reloading.

const SECONDS = 3;

const replacePart = (part, html) => {
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceChildren(...fresh.childNodes);
  if (focused) document.getElementById(focused)?.focus();
};

const announce = (part, before) => {
  const says = part.querySelector("[data-says]")?.textContent;
  const status = part.parentElement.querySelector("[data-status]");
  if (status && says && says !== before) status.textContent = says;
};

const refresh = async (part) => {
  const before = part.querySelector("[data-says]")?.textContent;
  const answer = await fetch(part.dataset.live, { redirect: "error" });
  if (!answer.ok) return false;
  replacePart(part, await answer.text());
  announce(part, before);
  return !part.querySelector("[data-over]");
};

const watch = (part) => {
  const note = part.parentElement.querySelector("[data-live-note]");
  if (note) note.hidden = false;
  const again = async () => {
    let goes = true;
    try {
      if (!document.hidden) goes = await refresh(part);
    } catch {
      goes = true;
    }
    if (goes) setTimeout(again, SECONDS * 1000);
    else if (note) note.hidden = true;
  };
  setTimeout(again, SECONDS * 1000);
};

document.querySelectorAll("[data-live]").forEach(watch);
