// Names for those parts of Bokeh's documents that it leaves without one: what a screen reader says of a slider's handle,
// of the arrows of a number field, of a box to tick, of a figure. Given anew when the document changes, because parts come
// and go.

(() => {
  const plain = (words) => (words ?? "").replace(/[:\s]+$/, "");
  const NAMES = [
    [".noUi-handle", (model) => plain(model.title)],
    [".bk-spin-btn-up", (model) => `more ${plain(model.title)}`],
    [".bk-spin-btn-down", (model) => `less ${plain(model.title)}`],
    ["input[type=checkbox]", (model) => model.label],
  ];

  const visit = (view) => {
    for (const [part, name] of NAMES)
      for (const element of view.shadow_el?.querySelectorAll(part) ?? [])
        if (!element.hasAttribute("aria-label") && !element.closest("label"))
          element.setAttribute("aria-label", name(view.model) || "value");
    for (const child of view.child_views ?? []) visit(child);
  };

  const name = () => {
    for (const root of window.Bokeh.index.roots) visit(root);
    window.nameFigures();
  };

  const follow = () => {
    const [shown] = window.Bokeh?.documents ?? [];
    if (!shown) return void setTimeout(follow, 200);
    let waiting = null;
    const soon = () => {
      clearTimeout(waiting);
      waiting = setTimeout(name, 300);
    };
    shown.on_change(soon);
    shown.idle.connect(soon);
    soon();
  };
  follow();
})();
