// What is shown: one cursor, one window, one collective, one tile. Everything else follows; the address links to it.

const VIEWS = ["spacetime", "gantt", "links", "mesh"];
const NARROWEST = 8;

class State {
  constructor(model) {
    this.model = model;
    this.listeners = [];
    this.waiting = false;
    const wrong = model.problems.find(problem => model.byNumber.has(problem.collective));
    const first = wrong
      ? model.byNumber.get(wrong.collective)
      : model.transfers.find(t => t.collective && t.whole) || model.transfers[0];
    Object.assign(this, {
      cursor: model.first,
      from: model.first,
      to: model.end,
      collective: null,
      tile: null,
      view: "spacetime",
    });
    if (first) this.select(first.number);
    if (wrong && wrong.cycle >= this.from && wrong.cycle < this.to) this.cursor = wrong.cycle;
    this.tile = {x: 0, y: 0};
    this.read();
    addEventListener("hashchange", () => {
      if (location.hash !== this.written) this.read();
    });
  }

  listen(render) {
    this.listeners.push(render);
  }

  set(changes) {
    Object.assign(this, changes);
    const {first, end} = this.model;
    const width = Math.min(Math.max(this.to - this.from, NARROWEST), Math.max(end - first, NARROWEST));
    this.from = Math.min(Math.max(this.from, first), Math.max(end - width, first));
    this.to = this.from + width;
    this.cursor = Math.min(Math.max(Math.round(this.cursor), first), end - 1);
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => this.render());
  }

  render() {
    this.waiting = false;
    for (const render of this.listeners) render();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), 150);
  }

  // Moves the cursor, and the window if the cursor would leave it.
  go(cycle) {
    const width = this.to - this.from,
      outside = cycle < this.from || cycle >= this.to;
    this.set(outside ? {cursor: cycle, from: cycle - width / 2, to: cycle + width / 2} : {cursor: cycle});
  }

  zoom(factor, about) {
    this.set({from: about - (about - this.from) * factor, to: about + (this.to - about) * factor});
  }

  // Makes a transfer the chosen one, the window fits it.
  select(number) {
    const transfer = this.model.byNumber.get(number);
    if (!transfer) return;
    const margin = Math.max(4, (transfer.until - transfer.begin) * 0.05);
    this.set({collective: number, cursor: transfer.middle, from: transfer.begin - margin, to: transfer.until + 1 + margin});
  }

  get link() {
    const chosen = this.collective === null ? "" : `&collective=${this.collective}`;
    const shown = `&from=${Math.round(this.from)}&to=${Math.round(this.to)}&tile=${this.tile.x},${this.tile.y}`;
    return `#cycle=${this.cursor}${chosen}&view=${this.view}${shown}`;
  }

  write() {
    this.written = this.link;
    if (location.hash !== this.written) history.replaceState(null, "", this.written);
  }

  read() {
    const given = new URLSearchParams(location.hash.slice(1)),
      number = name => (given.has(name) && given.get(name) !== "" ? Number(given.get(name)) : NaN);
    if (this.model.byNumber.has(number("collective"))) this.select(number("collective"));
    if (number("to") > number("from")) this.set({from: number("from"), to: number("to")});
    if (VIEWS.includes(given.get("view"))) this.set({view: given.get("view")});
    const [x, y] = (given.get("tile") || "").split(",").map(Number);
    if (x >= 0 && x < this.model.facts.columns && y >= 0 && y < this.model.facts.rows) this.set({tile: {x, y}});
    if (!isNaN(number("cycle"))) this.go(number("cycle"));
  }
}
