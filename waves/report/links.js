// How much every link is used: links by time, and the whole window on the mesh.

class LinksView extends TimeView {
  constructor(state) {
    super(state, document.getElementById("links"), 168);
    this.rows = [];
    this.mesh = document.getElementById("links-mesh");
    this.network = document.getElementById("links-network");
    this.order = document.getElementById("links-order");
    for (const choice of [this.network, this.order])
      choice.addEventListener("change", () => {
        this.sorted = null;
        this.render();
      });
    this.whole = state.model.links.map(link => state.model.used(link, state.model.first, state.model.end));
    this.mesh.addEventListener("pointermove", event => {
      const link = this.drawing && this.drawing.linkAt(event.offsetX, event.offsetY);
      tip.show(link ? `${link.network} ${link.name}: ${this.share(link)}` : "", event);
    });
    this.mesh.addEventListener("pointerleave", () => tip.hide());
  }

  share(link) {
    const used = this.whole[link.number];
    return `${percent(used / this.state.model.cycles)} of all cycles, ${count(used, "flit")}`;
  }

  layout() {
    const height = 14;
    if (!this.sorted) {
      this.sorted = this.state.model.links.filter(
        link => (this.network.value === "all" || link.network === this.network.value) && this.whole[link.number],
      );
      if (this.order.value === "busy")
        this.sorted.sort((a, b) => this.whole[b.number] - this.whole[a.number] || a.number - b.number);
    }
    this.rows = this.sorted.map((link, i) => ({link, y: i * height, height}));
    return this.rows.length * height;
  }

  bins() {
    return Math.max(1, Math.min(Math.floor(this.width / 3), Math.round(this.state.to - this.state.from)));
  }

  // First and last + 1 of a bin's cycles: whole cycles, so that no flit is counted twice.
  span(bin, bins) {
    const {from, to} = this.state,
      at = part => Math.round(from + ((to - from) * part) / bins);
    return [at(bin), Math.max(at(bin + 1), at(bin) + 1)];
  }

  draw(context, visible) {
    const {model} = this.state,
      bins = this.bins(),
      wide = this.width / bins;
    this.canvas.setAttribute("aria-label", `use of ${this.rows.length} links over time`);
    for (const {link, y, height} of visible) {
      const top = AXIS + y - this.top;
      context.fillStyle = NETWORK_COLOURS[link.network];
      context.fillRect(2, top + 2, 4, height - 4);
      write(context, `${this.network.value === "all" ? link.network + " " : ""}${link.name}`, 10, top + height / 2, {
        colour: theme.ink,
        font: SMALL,
      });
      write(context, percent(this.whole[link.number] / model.cycles), this.gutter - 6, top + height / 2, {
        align: "right",
        font: SMALL,
      });
      context.fillStyle = heat(0);
      context.fillRect(this.gutter, top + 1, this.width, height - 2);
      let at = -1;
      for (let bin = 0; bin < bins; bin++) {
        const [from, to] = this.span(bin, bins);
        if (at < 0) at = lower(model.taken, from, link.from, link.to);
        const next = lower(model.taken, Math.min(to, model.end), at, link.to);
        if (next > at) {
          context.fillStyle = heat((next - at) / (to - from));
          context.fillRect(this.gutter + bin * wide, top + 1, wide + 0.5, height - 2);
        }
        at = next;
      }
    }
    if (!this.rows.length) write(context, "no flit on these links", this.gutter + 10, AXIS + 20);
    this.overview();
    legend(this.legend, [
      [null, "flits taken, % of cycles: 0"],
      [heatGradient(), "100", "ramp"],
      [null, "numbers and mesh: the whole window"],
    ]);
  }

  overview() {
    const {model} = this.state,
      context = fitted(this.mesh);
    if (!this.mesh.clientWidth) return;
    this.drawing = new MeshDrawing(model, this.mesh.clientWidth, this.mesh.clientHeight, this.network.value);
    write(context, `${number(model.first)}–${number(model.last)}`, this.mesh.clientWidth / 2, 12, {align: "center"});
    this.drawing.links(context, link => this.whole[link.number] / model.cycles);
    this.drawing.channels(context);
    this.drawing.routers(context);
    this.mesh.setAttribute("aria-label", "use of all links over the whole window, on the mesh");
  }

  describe(row, cycle) {
    const {model} = this.state,
      {link} = row,
      whole = `${link.network} ${link.name}\nwhole window: ${this.share(link)}`;
    if (cycle === null) return whole;
    const bins = this.bins(),
      bin = Math.min(bins - 1, Math.floor(((cycle + 0.5 - this.state.from) / (this.state.to - this.state.from)) * bins)),
      [from, to] = this.span(bin, bins),
      used = model.used(link, from, to);
    return `${whole}\ncycles ${number(from)}–${number(to - 1)}: ${percent(used / (to - from))}, ${count(used, "flit")}`;
  }

  pick() {
    return false;
  }
}
