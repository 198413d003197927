// Replaces parts of a page by newer ones while it is looked at, and stores drafts while somebody writes. All of it works
// without this script, by reloading and by the button to save.

const SECONDS = 3;
const shown = new WeakMap();

// The place of an element in a part: the numbers of the children that lead to it. An id finds it even if others came.
const placeOf = (part, element) => {
  const steps = [];
  for (let one = element; one !== part; one = one.parentElement) steps.unshift([...one.parentElement.children].indexOf(one));
  return { id: element.id, name: element.localName, steps };
};

const elementAt = (part, place) => {
  const named = place.id && document.getElementById(place.id);
  const found = named || place.steps.reduce((one, step) => one?.children[step], part);
  return found?.localName === place.name ? found : undefined;
};

const scrolledIn = (part) =>
  [...part.querySelectorAll("*")]
    .filter((one) => one.scrollLeft || one.scrollTop)
    .map((one) => ({ place: placeOf(part, one), left: one.scrollLeft, top: one.scrollTop }));

// Focus and scroll positions stay; nothing is touched if nothing has changed, so that a selection stays, too.
const replacePart = (part, html) => {
  if (shown.get(part) === html) return;
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  const focused = part.contains(document.activeElement) && document.activeElement !== part;
  const focus = focused ? placeOf(part, document.activeElement) : undefined;
  const scrolled = scrolledIn(part);
  const before = { left: window.scrollX, top: window.scrollY };
  part.replaceChildren(...fresh.childNodes);
  shown.set(part, html);
  scrolled.forEach(({ place, left, top }) => elementAt(part, place)?.scrollTo({ left, top, behavior: "instant" }));
  if (focus) elementAt(part, focus)?.focus({ preventScroll: true });
  window.scrollTo({ ...before, behavior: "instant" });
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

// A form with `data-autosave` is stored some seconds after a change. Its answer says when, and the new revision, on top
// of which the next saving stands. A press of a button waits for a saving that is under way: it would be a conflict.
const PAUSE = 3;

const autosave = (form) => {
  const status = form.querySelector("[data-saved]");
  let changes = 0;
  let timer;
  let saving;
  let isOver = false;

  const store = async () => {
    const until = changes;
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "autosave");
    try {
      const answer = await fetch(form.action, { method: "POST", body, redirect: "error" });
      status.innerHTML = await answer.text();
      const saved = status.querySelector("[data-revision]");
      if (answer.ok && saved) {
        form.elements.revision.value = saved.dataset.revision;
      }
      isOver = answer.status === 409 || answer.status === 403;
    } catch {
      status.textContent = form.dataset.unsaved;
    }
    saving = undefined;
    if (changes !== until) later();
  };
  const later = () => {
    clearTimeout(timer);
    if (!isOver) timer = setTimeout(() => (saving ??= store()), PAUSE * 1000);
  };
  form.addEventListener("input", () => {
    changes += 1;
    later();
  });
  form.addEventListener("submit", async (event) => {
    clearTimeout(timer);
    if (!saving) return;
    event.preventDefault();
    await saving;
    clearTimeout(timer);
    form.requestSubmit(event.submitter);
  });
};

document.querySelectorAll("form[data-autosave]").forEach(autosave);
