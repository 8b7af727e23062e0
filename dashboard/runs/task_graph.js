// The graph of a run: a button for every group of tasks, and lines to what waits for it. Buttons stay the same
// elements while their words change, so that the keyboard does not lose its place.

const ROW = 62, BOX = 48, PAD = 4, WIDTH = 0.74;

export function render({ model }) {
  const place = document.createElement("div");
  const lines = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const buttons = new Map();
  place.className = "graph";
  lines.setAttribute("preserveAspectRatio", "none");
  lines.setAttribute("aria-hidden", "true");

  const middle = (node) => PAD + node.row * ROW + BOX / 2;

  const path = (from, to, pitch) => {
    const [width, gap] = [WIDTH * pitch, (1 - WIDTH) * pitch];
    if (from.column === to.column) {
      const [x, out] = [pitch * from.column, pitch * from.column - 0.6 * gap]; // around what is between them
      return `M ${x} ${middle(from)} C ${out} ${middle(from)}, ${out} ${middle(to)}, ${x} ${middle(to)}`;
    }
    const [x0, x1, y0, y1] = [pitch * from.column + width, pitch * to.column, middle(from), middle(to)];
    // Only the gap before the next box bends: a line that passes a column stays level.
    const bend = x1 - gap;
    return `M ${x0} ${y0} L ${bend} ${y0} C ${(bend + x1) / 2} ${y0}, ${(bend + x1) / 2} ${y1}, ${x1} ${y1}`;
  };

  const build = ({ nodes, edges, columns, rows }) => {
    const pitch = 100 / (columns - 1 + WIDTH); // of columns, in percent: the last box ends at the right
    const height = PAD * 2 + (rows - 1) * ROW + BOX;
    place.style.height = `${height}px`;
    lines.setAttribute("viewBox", `0 0 100 ${height}`);
    lines.replaceChildren();
    buttons.clear();
    place.replaceChildren(lines);
    const byKey = new Map(nodes.map((node) => [node.key, node]));
    for (const [from, to] of edges) {
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      line.setAttribute("d", path(byKey.get(from), byKey.get(to), pitch));
      lines.append(line);
    }
    const inOrder = [...nodes].sort((a, b) => a.row - b.row || a.column - b.column);
    for (const node of inOrder) {
      const button = document.createElement("button");
      button.type = "button";
      for (const part of ["title", "detail", "bar"]) {
        const element = document.createElement("span");
        element.className = part;
        button.append(element);
      }
      button.style.left = `${pitch * node.column}%`;
      button.style.width = `${pitch * WIDTH}%`;
      button.style.top = `${middle(node) - BOX / 2}px`;
      button.style.height = `${BOX}px`;
      button.addEventListener("click", () => {
        model.chosen = model.chosen === node.key ? "" : node.key;
      });
      buttons.set(node.key, button);
      place.append(button);
    }
  };

  const draw = () => {
    const { nodes } = model.diagram;
    if (nodes.length !== buttons.size || nodes.some((node) => !buttons.has(node.key))) build(model.diagram);
    for (const node of nodes) {
      const button = buttons.get(node.key);
      const [title, detail, bar] = button.children;
      title.textContent = node.title;
      detail.textContent = node.detail;
      bar.style.width = `${node.done}%`;
      button.dataset.state = node.state;
    }
    mark();
  };

  const mark = () => {
    for (const [key, button] of buttons) button.setAttribute("aria-pressed", String(key === model.chosen));
  };

  model.on("diagram", draw);
  model.on("chosen", mark);
  draw();
  return place;
}
