// The figures of the page as files: SVG as Bokeh draws it, PNG at three times its size, PDF by the browser's printer,
// and the numbers in them as CSV. All of it happens in the browser, with what is drawn at this moment.

(() => {
  const SCALE = 3;
  const MENTIONED = 4; // sets of numbers that are read aloud
  const DECORATION = "decoration"; // the tag of what is drawn but is no number: see plots/figures.py

  const views = () => {
    const found = [];
    const visit = (view) => {
      if (view.model?.type === "Figure" && view.el.getClientRects().length) found.push(view);
      for (const child of view.child_views ?? []) visit(child);
    };
    for (const root of window.Bokeh?.index?.roots ?? []) visit(root);
    return found;
  };

  const axes = (view) => {
    const label = (axis) => (typeof axis?.axis_label === "string" ? axis.axis_label : "");
    const [x, y] = [label(view.model.below[0]), label(view.model.left[0])];
    return x && y ? `${y} against ${x}` : x || y;
  };

  // A panel of a row has the labels of the row's first panel, whose ranges it shares.
  const name = (view, all) => {
    const first = all.find((other) => other.model.y_range === view.model.y_range && other.model.left[0]?.axis_label);
    const title = view.model.title?.text ?? "";
    return [title, axes(view).includes(" against ") ? axes(view) : axes(first ?? view)].filter(Boolean).join(" · ");
  };

  // What a screen reader says of a figure: its name, how many numbers it holds and between what values they lie. It is
  // said anew after every change, so it looks at the numbers where they are and copies none.
  const summary = (view, all) => {
    const parts = tables(view).map(({ shown, values }) => {
      let [count, low, high] = [0, Infinity, -Infinity];
      for (const value of values)
        if (typeof value === "number" && Number.isFinite(value)) {
          count += 1;
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      return count && `${count} values of ${shown} from ${low.toPrecision(4)} to ${high.toPrecision(4)}`;
    });
    return [name(view, all) || "figure", ...parts.filter(Boolean).slice(0, MENTIONED)].join("; ");
  };

  window.nameFigures = () => {
    const all = views();
    for (const view of all) {
      view.el.setAttribute("role", "img");
      view.el.setAttribute("aria-label", summary(view, all));
    }
  };

  const slug = (words) => words.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");

  const svg = async (view) => (await view.export("svg", false).to_blob()).text();

  const size = (view) => [Math.round(view.bbox.width), Math.round(view.bbox.height)];

  const png = async (view, scale = SCALE) => {
    const [width, height] = size(view);
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([await svg(view)], { type: "image/svg+xml" }));
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: scale * width, height: scale * height });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  };

  const print = async (view, title) => {
    const [width, height] = size(view);
    const frame = Object.assign(document.createElement("iframe"), { title, className: "printed" });
    const style = `@page { size: ${width}px ${height}px; margin: 0 } body { margin: 0 } svg { display: block }`;
    frame.srcdoc = `<style>${style}</style>${await svg(view)}`;
    document.body.append(frame);
    await new Promise((done) => frame.addEventListener("load", done, { once: true }));
    frame.contentDocument.title = title; // as text: a visitor may have named what is drawn
    frame.contentWindow.addEventListener("afterprint", () => frame.remove());
    frame.contentWindow.print();
  };

  const quoted = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const cell = (value) => (value === null || Number.isNaN(value) ? "" : quoted(value));

  const isImage = (value) => ArrayBuffer.isView(value?.[0]) && value[0].shape?.length === 2;

  // An image as one line for each pixel: the middle of it, and every image on the same grid. Where there are counts, the
  // shades that they are drawn in are left out.
  const pixels = (data, field) => {
    const counted = (key) => `${key}_count` in data;
    const images = Object.entries(data).filter(([key, column]) => isImage(column) && column[0].length > 1 && !counted(key));
    if (!images.length) return null;
    const [rows, columns] = images[0][1][0].shape;
    const same = images.filter(([, [image]]) => image.shape[0] === rows && image.shape[1] === columns);
    const [x, y, width, height] = ["x", "y", "dw", "dh"].map((key) => data[key][0]);
    const lines = () =>
      Array.from({ length: rows * columns }, (_, k) => {
        const [i, j] = [Math.floor(k / columns), k % columns];
        const place = [x + ((j + 0.5) * width) / columns, y + ((i + 0.5) * height) / rows];
        return [...place, ...same.map(([, [image]]) => image[k])];
      });
    const shown = counted(field) ? `${field}_count` : field;
    return { shown, values: data[shown][0], heads: ["x", "y", ...same.map(([key]) => key)], lines };
  };

  const plain = (data) => {
    const wanted = ([key, column]) => key !== "colour" && column.length && !(column[0] instanceof Object);
    const columns = Object.entries(data).filter(wanted);
    if (!columns.length) return null;
    const heads = columns.map(([key]) => key);
    const shown = ["median", "y", "top"].find((head) => heads.includes(head)) ?? heads.at(-1);
    const lines = () => Array.from(columns[0][1], (_, i) => columns.map(([, column]) => column[i] ?? ""));
    return { shown, values: data[shown], heads, lines };
  };

  // Every set of numbers that the figure draws, once; ``shown`` is the column that is drawn upwards or as a colour.
  const tables = (view) => {
    const drawn = view.model.renderers.filter((r) => r.visible && r.data_source && !r.tags.includes(DECORATION));
    const sources = new Map(drawn.map((renderer) => [renderer.data_source, renderer.glyph.image?.field]));
    const found = [...sources].map(([{ data }, field]) => {
      const columns = data instanceof Map ? Object.fromEntries(data) : data;
      return field ? pixels(columns, field) : plain(columns);
    });
    return found.filter(Boolean);
  };

  const csv = (view) => {
    const written = tables(view).map(({ heads, lines }) => [heads, ...lines()].map((line) => line.map(cell).join(",")));
    return written.map((lines) => lines.join("\n")).join("\n\n") + "\n";
  };

  const save = (blob, file) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: file });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  const kinds = {
    PNG: async (view, title) => save(await png(view), `${slug(title)}.png`),
    SVG: async (view, title) => save(new Blob([await svg(view)], { type: "image/svg+xml" }), `${slug(title)}.svg`),
    PDF: print,
    CSV: (view, title) => save(new Blob([csv(view)], { type: "text/csv" }), `${slug(title)}.csv`),
  };
  const meanings = {
    PNG: "an image at three times its size on the screen",
    SVG: "a vector figure",
    PDF: "a vector figure, by the browser's own printer: choose Save as PDF",
    CSV: "the numbers that are drawn",
  };

  const entry = (view, title) => {
    const item = document.createElement("li");
    const picture = Object.assign(document.createElement("img"), { alt: "", width: 96 });
    png(view, 1).then((blob) => (picture.src = URL.createObjectURL(blob)));
    picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
    item.append(picture, Object.assign(document.createElement("span"), { textContent: title }));
    for (const [kind, act] of Object.entries(kinds)) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: kind });
      button.title = meanings[kind];
      button.setAttribute("aria-label", `${title} as ${kind}, ${meanings[kind]}`);
      button.addEventListener("click", () => act(view, title));
      item.append(button);
    }
    return item;
  };

  const dialog = document.getElementById("figures");
  document.getElementById("show-figures").addEventListener("click", () => {
    const all = views();
    const list = dialog.querySelector("ul");
    list.replaceChildren(...all.map((view) => entry(view, name(view, all) || "figure")));
    dialog.querySelector("p").hidden = all.length > 0;
    dialog.showModal();
  });
})();
