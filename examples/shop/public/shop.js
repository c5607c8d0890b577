// Makes forms act in place: <form data-swap="ID"> is sent in the background, and the part of the page with
// that id is exchanged for the one in the answer. data-live sends a form while it is being filled in.
// Without this script the same forms load pages.

let newest = 0;

/** @param {HTMLFormElement} form */
async function send(form) {
  const turn = ++newest;
  const data = new URLSearchParams(/** @type {any} */ (new FormData(form)));
  const isSearch = form.method === "get";
  const url = isSearch ? `${form.action}?${data}` : form.action;
  const response = await fetch(url, isSearch ? {} : { method: "POST", body: data });
  const answer = new DOMParser().parseFromString(await response.text(), "text/html");
  // Answers may overtake each other: only the newest counts.
  if (turn !== newest) return;
  if (response.redirected) {
    location.assign(response.url);
    return;
  }
  const id = form.dataset.swap ?? "";
  const before = document.getElementById(id);
  const after = answer.getElementById(id);
  if (!before || !after) {
    location.assign(isSearch ? url : location.href);
    return;
  }
  const focused = document.activeElement?.id;
  before.replaceWith(after);
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
  // A screen reader speaks what changes in a part that stays.
  const announcement = document.getElementById("announcement");
  if (announcement)
    announcement.textContent = after.querySelector("[role=status]")?.textContent ?? "";
  if (isSearch) history.replaceState(null, "", url);
}

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.dataset.swap) return;
  event.preventDefault();
  void send(form);
});

/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;

document.addEventListener("input", (event) => {
  const form = /** @type {HTMLInputElement} */ (event.target).form;
  if (!form || form.dataset.live === undefined) return;
  clearTimeout(typing);
  typing = setTimeout(() => void send(form), 200);
});
