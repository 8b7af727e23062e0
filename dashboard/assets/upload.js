// Sends a file as it lies on the disk: the body of one request, so that neither side ever holds it in memory.

const RECIPES = { "": "as the columns say", "cartesian": "cartesian" };

export function render({ model }) {
  const place = document.createElement("div");
  place.className = "upload";
  place.innerHTML = `
    <label>recipe <select class="bk-input"></select></label>
    <label class="choose"><input type="file"><span>Add a catalogue …</span></label>
    <progress max="1" value="0" hidden aria-label="sent"></progress>
    <button type="button" hidden>Stop</button>
    <p role="status"></p><pre hidden tabindex="0" aria-label="stars left after each cut"></pre>`;
  const [recipe, input, bar, stop, words, table] = ["select", "input", "progress", "button", "p", "pre"].map((tag) =>
    place.querySelector(tag),
  );
  for (const name of model.recipes) recipe.add(new Option(RECIPES[name] ?? name, name));
  let request = null;

  const show = (text, failed = false) => {
    words.textContent = text;
    words.className = failed ? "failed" : "";
  };
  const settle = () => {
    request = null;
    input.value = "";
    input.disabled = false;
    bar.hidden = stop.hidden = true;
  };

  input.addEventListener("change", () => {
    const file = input.files[0];
    if (!file) return;
    request = new XMLHttpRequest();
    input.disabled = true;
    bar.hidden = stop.hidden = false;
    table.hidden = true;
    show(`Sending ${file.name}`);
    request.upload.onprogress = (event) => {
      bar.value = event.loaded / event.total;
      if (event.loaded === event.total) {
        bar.removeAttribute("value");
        show(`Reading ${file.name}`);
      }
    };
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch { /* a proxy has answered */ }
      if (answer.id) {
        show(`${answer.name} is stored.`);
        table.textContent = answer.table;
        table.hidden = false;
        model.stored = answer.id;
      } else show(answer.error || `The server refused it (${request.status}).`, true);
      settle();
    };
    request.onerror = () => (show("The connection was cut: send the file again.", true), settle());
    request.onabort = () => (show("Stopped; nothing was stored."), settle());
    request.open("POST", `upload?recipe=${encodeURIComponent(recipe.value)}`);
    request.setRequestHeader(model.header, encodeURIComponent(file.name));
    request.send(file);
  });
  stop.addEventListener("click", () => request && request.abort());
  return place;
}
