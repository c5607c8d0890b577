// Makes forms act in place: <form data-swap="ID"> is sent in the background, and the part of the page with
// that id is exchanged for the one in the answer. data-live sends a form while it is being filled in.
// Without this script the same forms load pages.

/** Answers may overtake each other: only the newest counts. */
let newest = 0;

/** @param {HTMLFormElement} form @param {boolean} isBusy */
function setBusy(form, isBusy) {
  form.ariaBusy = String(isBusy);
  for (const button of form.querySelectorAll("button")) button.disabled = isBusy;
}

/** Says above the form that it failed; what was typed stays. @param {HTMLFormElement} form @param {string} text */
function complain(form, text) {
  document.querySelector("[data-complaint]")?.remove();
  if (!text) return;
  form.querySelector(".notice")?.remove();
  const notice = document.createElement("p");
  notice.className = "notice error";
  notice.dataset.complaint = "";
  notice.setAttribute("role", "alert");
  notice.textContent = text;
  form.before(notice);
  notice.scrollIntoView({ block: "nearest" });
}

/** The answer as a page, or why there is none. @param {string} url @param {RequestInit} request @param {string} id */
async function ask(url, request, id) {
  try {
    const response = await fetch(url, request);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const redirectedTo = response.redirected ? response.url : "";
    if (redirectedTo || page.getElementById(id)) {
      const failure = page.getElementById("failure")?.textContent;
      return { page, failure, redirectedTo };
    }
    return { failure: "Something went wrong. Please try again in a moment." };
  } catch {
    return { failure: "The shop cannot be reached. Please try again in a moment." };
  }
}

/** Exchanges a part of the page. @param {Element} before @param {Element} after */
function swap(before, after) {
  before.replaceWith(after);
  /** @type {HTMLElement | null} */ (after.querySelector("[autofocus]"))?.focus();
  // A screen reader speaks what changes in a part that stays.
  const announcement = document.getElementById("announcement");
  if (announcement)
    announcement.textContent = after.querySelector("[role=status]")?.textContent ?? "";
}

/** Fields of the form that stays get the errors of the answer's. @param {HTMLFormElement} form @param {Document} page */
function mark(form, page) {
  for (const field of form.querySelectorAll("input[id]")) {
    const error = page.getElementById(`${field.id}-error`);
    document.getElementById(`${field.id}-error`)?.remove();
    if (error) field.after(error);
    field.ariaInvalid = String(error !== null);
    field.setAttribute("aria-describedby", error?.id ?? "");
  }
}

/** @param {HTMLFormElement} form */
async function send(form) {
  const turn = ++newest;
  const data = new URLSearchParams(/** @type {any} */ (new FormData(form)));
  const isSearch = form.method === "get";
  const url = isSearch ? `${form.action}?${data}` : form.action;
  const id = form.dataset.swap ?? "";
  const before = document.getElementById(id);
  const focused = document.activeElement?.id;
  if (before) before.ariaBusy = "true";
  const request = isSearch ? {} : { method: "POST", body: data };
  const { page, failure, redirectedTo } = await ask(url, request, id);
  if (turn !== newest) return;
  if (before) before.ariaBusy = "false";
  setBusy(form, false);
  complain(form, failure ? `${isSearch ? "" : "Not saved yet. "}${failure}` : "");
  if (page && !failure) show(form, page, url, redirectedTo ?? "");
  // A button that is disabled loses the focus, and so does what is exchanged.
  if (focused && document.activeElement === document.body)
    document.getElementById(focused)?.focus();
}

/** @param {HTMLFormElement} form @param {Document} page @param {string} url @param {string} redirectedTo */
function show(form, page, url, redirectedTo) {
  const isSearch = form.method === "get";
  const id = form.dataset.swap ?? "";
  const before = document.getElementById(id);
  const after = page.getElementById(id);
  if (redirectedTo || !before || !after) {
    location.assign(redirectedTo || url);
    return;
  }
  if (id === "main") {
    document.title = page.title;
    document.querySelector("header")?.replaceWith(page.querySelector("header") ?? "");
  }
  if (isSearch) {
    mark(form, page);
    history.replaceState(null, "", url);
  }
  swap(before, after);
}

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.ariaBusy === "true") {
    event.preventDefault();
    return;
  }
  if (!form.dataset.swap) {
    // The button's own name and value are read after this event. One that was stopped works again later.
    setTimeout(() => setBusy(form, true));
    setTimeout(() => setBusy(form, false), 10_000);
    return;
  }
  event.preventDefault();
  const sent = send(form);
  setBusy(form, true);
  void sent;
});

// The back button may bring a page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.forms) setBusy(form, false);
});

/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;

document.addEventListener("input", (event) => {
  const { form } = /** @type {HTMLInputElement} */ (event.target);
  if (form?.dataset.live === undefined) return;
  clearTimeout(typing);
  typing = setTimeout(() => void send(form), 200);
});
