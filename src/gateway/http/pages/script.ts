// The one script of all pages. Its hash stands in their policy: no other script runs. All that it is told stands in the page; whatever it
// shows of names goes in as text.
//
//   1. times are written for where their reader is
//   2. the form's files, or those that are dropped anywhere, wait in a queue
//   3. some at once, each is one request with a progress bar, that can be cancelled, and begun again when it failed

export const SCRIPT = `"use strict";
const two = (number) => String(number).padStart(2, "0");
for (const time of document.querySelectorAll("time")) {
  const at = new Date(time.dateTime);
  time.textContent =
    at.getFullYear() + "-" + two(at.getMonth() + 1) + "-" + two(at.getDate()) + " " + two(at.getHours()) + ":" + two(at.getMinutes());
}

const form = document.querySelector(".upload form");
if (form) {
  const AT_ONCE = 3;
  const input = form.querySelector("input");
  const list = document.querySelector(".uploads");
  const summary = document.querySelector(".upload [role=status]:last-child");
  const waiting = [];
  let running = 0, sent = 0, failed = 0;

  form.classList.add("live");
  input.addEventListener("change", () => { add(input.files); input.value = ""; });
  let depth = 0;
  const dragging = (by) => {
    depth = by === 0 ? 0 : depth + by;
    document.body.classList.toggle("dragging", depth > 0);
  };
  const carriesFiles = (event) => event.dataTransfer && event.dataTransfer.types.includes("Files");
  addEventListener("dragenter", (event) => { if (carriesFiles(event)) dragging(1); });
  addEventListener("dragleave", (event) => { if (carriesFiles(event)) dragging(-1); });
  addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    dragging(0);
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    const folders = items.map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter((entry) => entry && entry.isDirectory);
    const names = new Set(folders.map((entry) => entry.name));
    add([...event.dataTransfer.files].filter((file) => !names.has(file.name)));
    for (const name of names) failFor(row(name), "Folders can't be sent; choose the files in it.");
  });
  addEventListener("beforeunload", (event) => { if (running > 0) event.preventDefault(); });

  function add(files) {
    for (const file of files) {
      const shown = row(file.name);
      if (file.size > Number(form.dataset.most)) failFor(shown, "It is larger than the " + size(Number(form.dataset.most)) + " that are taken here.");
      else { waiting.push({ file, shown }); say(shown, "Waits, " + size(file.size)); }
    }
    next();
  }

  function row(name) {
    const item = list.appendChild(document.createElement("li"));
    const title = item.appendChild(document.createElement("b"));
    title.textContent = visible(name);
    const button = item.appendChild(document.createElement("button"));
    button.type = "button";
    button.className = "small";
    button.hidden = true;
    const bar = item.appendChild(document.createElement("progress"));
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", title.textContent);
    return { item, button, bar, text: item.appendChild(document.createElement("span")) };
  }

  function next() {
    while (running < AT_ONCE && waiting.length > 0) send(waiting.shift());
    const left = running + waiting.length;
    const parts = [];
    if (sent > 0) parts.push(sent + (sent === 1 ? " file sent" : " files sent"));
    if (left > 0) parts.push(left + " to go");
    if (failed > 0) parts.push(failed + " failed");
    summary.textContent = parts.join(", ");
  }

  function send(job) {
    const { file, shown } = job;
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("file", file, file.name);
    running++;
    const done = () => { running--; next(); };
    const fail = (problem) => {
      failFor(shown, problem);
      offer(shown.button, "Try again", file.name, () => {
        failed--;
        shown.item.className = "";
        shown.bar.hidden = false;
        shown.bar.value = 0;
        waiting.push(job);
        say(shown, "Waits, " + size(file.size));
        next();
      });
      done();
    };
    request.upload.onprogress = ({ loaded, total }) => {
      shown.bar.value = total > 0 ? loaded / total : 1;
      say(shown, size(Math.min(loaded, file.size)) + " of " + size(file.size));
    };
    request.upload.onload = () => say(shown, "Is being saved");
    request.onload = () => {
      const answer = request.response || {};
      const [taken] = answer.files || [];
      if (request.status !== 201 || !taken) return fail("Not taken: " + (answer.problem || "the answer was " + request.status) + ".");
      sent++;
      shown.bar.value = 1;
      shown.button.hidden = true;
      shown.item.className = "good";
      say(shown, "Sent, " + size(taken.size) + (taken.name === file.name ? "" : ", as " + visible(taken.name)));
      done();
    };
    request.onerror = () => fail("The connection was lost.");
    request.onabort = () => { shown.item.remove(); input.focus(); done(); };
    request.open("POST", location.pathname);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    offer(shown.button, "Cancel", file.name, () => request.abort());
    say(shown, "0 B of " + size(file.size));
    request.send(body);
  }

  function offer(button, what, name, act) {
    button.hidden = false;
    button.textContent = what;
    button.setAttribute("aria-label", what + ": " + visible(name));
    button.onclick = act;
  }
  function failFor(shown, problem) {
    failed++;
    shown.item.className = "bad";
    shown.bar.hidden = true;
    say(shown, problem);
    next();
  }
  function say(shown, text) { shown.text.textContent = text; }
  function visible(name) {
    return name.replace(/(?![\\u200c\\u200d\\ufe0e\\ufe0f])[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]/gu, (mark) => "\\\\u{" + mark.codePointAt(0).toString(16) + "}");
  }
  function size(bytes) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (bytes >= 999.5 && unit < units.length - 1) { bytes /= 1024; unit++; }
    return bytes.toFixed(unit === 0 ? 0 : bytes < 9.995 ? 2 : bytes < 99.95 ? 1 : 0) + " " + units[unit];
  }
}
`;
