/* Small manners of the portal: theme menu, keys, copying, confirmation, filters, uploads, failed requests.
   Everything is asked for by data attributes; every form also works without this file. */
(function () {
  "use strict";
  const typing = (target) => /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable;

  /* --- theme --------------------------------------------------------------------------------- */
  function markTheme() {
    document.querySelectorAll("[data-fw-theme]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.fwTheme === document.documentElement.dataset.fwChoice)));
  }
  document.addEventListener("fw:theme", markTheme);
  markTheme();

  /* --- tabs that do not fit: the one we are on is in sight ------------------------------------------ */
  document.querySelectorAll(".fw-tabs").forEach((tabs) => { const current = tabs.querySelector("[aria-current]"); if (current) tabs.scrollLeft = current.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - current.clientWidth) / 2; });

  /* --- clicks -------------------------------------------------------------------------------- */
  document.addEventListener("click", (event) => {
    const theme = event.target.closest("[data-fw-theme]");
    if (theme) window.FlywheelTheme.choose(theme.dataset.fwTheme);
    const copy = event.target.closest("[data-fw-copy]");
    if (copy) copyText(copy);
    document.querySelectorAll("details.fw-more[open]").forEach((more) => { if (!more.contains(event.target)) more.open = false; });
  });

  function copyText(button) {
    const source = document.getElementById(button.dataset.fwCopy);
    if (!source) return;
    const said = button.textContent;
    const say = (text) => { button.textContent = text; setTimeout(() => { button.textContent = said; }, 1600); };
    const select = () => { if (source.select) source.select(); else window.getSelection().selectAllChildren(source); say("Press Ctrl+C"); };
    if (!navigator.clipboard) { select(); return; }
    navigator.clipboard.writeText(source.value !== undefined ? source.value : source.innerText).then(() => say("Copied"), select);
  }

  /* --- keys: "/" searches, j and k walk (a board: h and l, too), 1 to 4 answer, Escape closes --------------------------- */
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") document.querySelectorAll("details.fw-more[open]").forEach((more) => { more.open = false; more.querySelector("summary").focus(); });
    if (typing(event.target)) return;
    if (event.key === "/") {
      const field = [...document.querySelectorAll("[data-fw-search]")].find((input) => input.offsetParent !== null);
      if (field) { event.preventDefault(); field.focus(); field.select(); }
      return;
    }
    if (walk(event.key)) { event.preventDefault(); return; }
    const answer = document.querySelector(`[data-fw-key="${CSS.escape(event.key)}"]`);
    if (!answer) return;
    event.preventDefault();
    if (answer.tagName === "INPUT") { answer.checked = true; answer.focus(); } else answer.click();
  });

  /* On a board j and k go down and up a column, h and l to the column beside; the first of them enters it. */
  function walk(key) {
    const step = { j: [0, 1], k: [0, -1], h: [-1, 0], l: [1, 0] }[key];
    const board = document.querySelector("[data-fw-board]");
    if (!step || !board) return false;
    const columns = [...board.children].map((column) => [...column.querySelectorAll("[data-fw-card]")].filter((card) => card.offsetParent !== null)).filter((cards) => cards.length);
    const at = columns.findIndex((cards) => cards.includes(document.activeElement));
    const column = columns[Math.min(Math.max(at + (at < 0 ? 1 : step[0]), 0), columns.length - 1)];
    const row = at < 0 ? 0 : columns[at].indexOf(document.activeElement) + step[1];
    column?.[Math.min(Math.max(row, 0), column.length - 1)].focus();
    return Boolean(column);
  }

  /* --- confirmation --------------------------------------------------------------------------- */
  const dialog = document.getElementById("fw-dialog");
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const words = event.submitter?.dataset.fwConfirm || form.dataset.fwConfirm;
    if (!words || !dialog || form.dataset.fwConfirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const submitter = event.submitter;
    dialog.querySelector("[data-fw-words]").textContent = words;
    dialog.querySelector("[value=yes]").textContent = submitter?.dataset.fwVerb || submitter?.textContent.trim() || "Go on";
    dialog.returnValue = "";
    const why = dialog.querySelector("[data-fw-why]");
    const reason = why.querySelector("textarea");
    why.hidden = form.dataset.fwReason === undefined;
    reason.value = "";
    dialog.showModal();
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") return;
      if (!why.hidden) form.elements.reason.value = reason.value;
      form.dataset.fwConfirmed = "1";
      form.requestSubmit(submitter);
      delete form.dataset.fwConfirmed;
    }, { once: true });
  }, true);

  /* --- filters: what was left empty stays out of the URL ----------------------------------------- */
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-fw-filter]")) return;
    event.target.querySelectorAll("input, select").forEach((field) => { if (!field.value) field.disabled = true; });
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-fw-filter] :disabled").forEach((field) => { field.disabled = false; }));
  document.addEventListener("change", (event) => { if (event.target.matches("[data-fw-submit]")) event.target.form.requestSubmit(); });

  /* --- uploads: drop a file, see it go --------------------------------------------------------- */
  const size = (bytes) => (bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${Math.round(bytes / 1024)} kB` : `${(bytes / 1048576).toFixed(1)} MB`);
  function nameFiles(drop) {
    const files = [...drop.querySelector("input[type=file]").files];
    const total = files.reduce((sum, file) => sum + file.size, 0);
    const limit = Number(drop.dataset.fwLimit || 0);
    drop.querySelector("[data-fw-name]").textContent = files.length ? files.map((file) => file.name).join(", ") : drop.dataset.fwEmpty;
    drop.querySelector("[data-fw-size]").textContent = files.length ? size(total) + (limit && total > limit ? `, more than the ${size(limit)} one push may hold` : "") : "";
  }
  document.querySelectorAll("[data-fw-drop]").forEach((drop) => {
    drop.dataset.fwEmpty = drop.querySelector("[data-fw-name]").textContent;
    drop.addEventListener("change", () => nameFiles(drop));
    ["dragenter", "dragover"].forEach((kind) => drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("fw-drop--over"); }));
    ["dragleave", "drop"].forEach((kind) => drop.addEventListener(kind, () => drop.classList.remove("fw-drop--over")));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      if (!event.dataTransfer.files.length) return;
      drop.querySelector("input[type=file]").files = event.dataTransfer.files;
      nameFiles(drop);
    });
  });
  document.addEventListener("htmx:xhr:progress", (event) => {
    const bar = event.target.querySelector?.("[data-fw-progress]");
    if (!bar || !event.detail.lengthComputable) return;
    bar.hidden = false;
    bar.max = event.detail.total;
    bar.value = event.detail.loaded;
  });

  /* --- requests that failed say so, with the id to quote ----------------------------------------- */
  const failed = document.getElementById("fw-failed");
  function sayFailed(text) {
    if (!failed) return;
    const note = document.createElement("div");
    const words = document.createElement("p");
    const close = document.createElement("button");
    note.className = "fw-note fw-note--bad fw-note--closable";
    words.textContent = text;
    close.type = "button";
    close.className = "btn-close";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => note.remove());
    note.append(words, close);
    failed.replaceChildren(note);
  }
  /* A part of a page that could not be loaded says so where it would stand. */
  function partFailed(event) {
    const part = event.detail.elt.closest?.("[data-fw-part]");
    part?.querySelector("[data-fw-loading]")?.setAttribute("hidden", "");
    part?.querySelector("[data-fw-failed]")?.removeAttribute("hidden");
  }
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, partFailed);
  document.addEventListener("htmx:responseError", (event) => {
    const request = event.detail.xhr;
    let words = request.status === 403 ? "You may not do this." : request.status === 429 ? "Too many requests; try again in a moment." : `The server answered ${request.status}.`;
    try { const problem = JSON.parse(request.responseText); words = (problem.detail || problem.title || words) + (problem.request_id ? ` (request ${problem.request_id})` : ""); } catch (error) { /* not a problem document */ }
    sayFailed(words);
  });
  document.addEventListener("htmx:sendError", () => sayFailed("The server cannot be reached. Nothing was changed."));
  document.addEventListener("htmx:timeout", () => sayFailed("The server took too long to answer."));
  document.addEventListener("htmx:afterOnLoad", () => failed?.replaceChildren());
})();
