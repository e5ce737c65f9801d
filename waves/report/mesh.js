// The mesh at the cursor: use of links around it, flits on them, what every engine does.

const OVER = [
  ["1", "1 cycle"],
  ["17", "± 8 cycles"],
  ["65", "± 32 cycles"],
  ["257", "± 128 cycles"],
  ["1025", "± 512 cycles"],
  ["visible", "visible window"],
  ["whole", "whole window"],
];

class MeshView {
  constructor(state) {
    this.state = state;
    this.model = state.model;
    this.canvas = document.getElementById("mesh-canvas");
    this.choices = Object.fromEntries(
      ["network", "over", "by"].map(name => [name, document.getElementById("mesh-" + name)]),
    );
    this.choices.over.replaceChildren(...OVER.map(([value, text]) => new Option(text, value)));
    this.choices.over.value = "65";
    this.kinds = this.occurring();
    for (const choice of Object.values(this.choices)) choice.addEventListener("change", () => this.render());
    this.canvas.addEventListener("click", event => this.click(event));
    this.canvas.addEventListener("pointermove", event => tip.show(this.describe(event.offsetX, event.offsetY), event));
    this.canvas.addEventListener("pointerleave", () => tip.hide());
  }

  // [network, kind] of all flits in the recording.
  occurring() {
    const {model} = this,
      found = new Map();
    for (const link of model.links)
      for (let i = link.from, before = -1; i < link.to; i++) {
        const header = model.columns["flit.header"][i];
        if (header === before) continue;
        before = header;
        const kind = flitKind(link.network, {
          kind: model.field(i, "kind"),
          write: model.field(i, "write"),
          op: model.field(i, "op"),
        });
        found.set(kind, [link.network, kind]);
      }
    return Object.keys(FLIT_COLOURS)
      .filter(kind => found.has(kind))
      .map(kind => found.get(kind));
  }

  // First and last + 1 of the cycles that the colours of the links stand for.
  get span() {
    const {state, model} = this,
      over = this.choices.over.value;
    if (over === "whole") return [model.first, model.end];
    if (over === "visible") return [Math.round(state.from), Math.round(state.to)];
    const half = (Number(over) - 1) / 2;
    return [Math.max(model.first, state.cursor - half), Math.min(model.end, state.cursor + half + 1)];
  }

  render() {
    const {state, model, canvas} = this,
      context = fitted(canvas),
      [from, to] = this.span;
    this.drawing = new MeshDrawing(model, canvas.clientWidth, canvas.clientHeight, this.choices.network.value);
    this.chosen(context);
    this.drawing.links(context, link => model.used(link, from, to) / Math.max(1, to - from));
    this.drawing.channels(context);
    this.drawing.routers(context, (model.byNumber.get(state.collective) || {root: null}).root);
    for (let y = 0; y < model.facts.rows; y++) for (let x = 0; x < model.facts.columns; x++) this.tile(context, x, y);
    this.flits(context);
    this.legend(from, to);
    this.words();
  }

  legend(from, to) {
    const shown = this.kinds.filter(([network]) => this.drawing.network === "all" || this.drawing.network === network);
    const flits =
      this.choices.by.value === "kind"
        ? shown.map(([, kind]) => [FLIT_COLOURS[kind][0], FLIT_COLOURS[kind][1], "dot"])
        : [[null, "flits: a colour a tag"]];
    legend(document.getElementById("mesh-legend"), [
      [null, "link use 0"],
      [heatGradient(), `100 % of cycles ${number(from)}–${number(to - 1)}`, "ramp"],
      ...flits,
      [theme.soft, "waits", "ring"],
      [theme.accent, "root, rectangle"],
    ]);
  }

  // The chosen transfer: its rectangle, and a frame around its root.
  chosen(context) {
    const transfer = this.model.byNumber.get(this.state.collective);
    if (!transfer) return;
    const {drawing} = this,
      low = drawing.router(transfer.x0, transfer.y0),
      high = drawing.router(transfer.x1, transfer.y1);
    context.fillStyle = theme.accent;
    context.globalAlpha = 0.1;
    context.beginPath();
    context.roundRect(
      low.x - drawing.half - 2,
      high.y + drawing.half + 2 - drawing.cellY,
      high.x - low.x + drawing.cellX,
      low.y - high.y + drawing.cellY,
      8,
    );
    context.fill();
    context.globalAlpha = 1;
  }

  tile(context, x, y) {
    const {state, model, drawing} = this,
      box = drawing.tile(x, y),
      chosen = state.tile.x === x && state.tile.y === y;
    context.fillStyle = theme.card;
    context.strokeStyle = chosen ? theme.accent : theme.line;
    context.lineWidth = chosen ? 2.5 : 1;
    context.beginPath();
    context.roundRect(box.x, box.y, box.width, box.height, 4);
    context.fill();
    context.stroke();
    const each = (box.height - 5) / 4;
    model.queues.forEach((queue, row) => {
      const engine = model.engineOf.get(`${x},${y},${queue}`);
      if (engine) this.engine(context, engine, box.x + 3, box.y + 2.5 + row * each, box.width - 6, each);
    });
  }

  engine(context, engine, x, y, width, height) {
    const {now, causes, name, semaphore} = this.model.doing(engine, this.state.cursor);
    const colour = now ? CLASS_COLOURS[now.kind] : theme.states[name];
    context.fillStyle = colour;
    context.beginPath();
    context.roundRect(x, y + 0.5, width, height - 1, 2);
    context.fill();
    if (causes.length) {
      context.fillStyle = CAUSE_COLOURS[causes[0]];
      context.fillRect(x + width - Math.min(8, width / 4), y + 0.5, Math.min(8, width / 4), height - 1);
      context.strokeStyle = theme.card;
      context.lineWidth = 1;
      context.strokeRect(x + width - Math.min(8, width / 4) + 0.5, y + 1, Math.min(8, width / 4) - 1, height - 2);
    }
    if (height < 9) return;
    const waits = name === "wait0" || name === "wait1",
      what = now ? now.name : waits ? `wait s${semaphore}` : name;
    const room = width - 5 - (causes.length ? Math.min(8, width / 4) : 0);
    const font = height > 18 ? FONT : SMALL,
      text = fitting(
        context,
        room,
        font,
        `${engine.queue}: ${what}`,
        `${engine.queue[0]}: ${what}`,
        what,
        waits ? `s${semaphore}` : what.slice(0, 3),
      );
    write(context, text, x + 3, y + height / 2 + 0.5, {colour: now ? inkOn(colour) : theme.ink, font});
  }

  flits(context) {
    const {model, state, drawing} = this,
      size = Math.max(2.4, Math.min(4.6, drawing.small / 26));
    for (const link of model.links) {
      const i = drawing.shown(link) ? model.flitAt(link, state.cursor) : -1;
      if (i < 0) continue;
      const flit = model.flit(i),
        moving = flit.taken === state.cursor,
        [from, to] = drawing.line(link),
        part = moving ? 0.6 : 0.25;
      const colour =
        this.choices.by.value === "tag"
          ? TAG_COLOURS[flit.tag % TAG_COLOURS.length]
          : FLIT_COLOURS[flitKind(link.network, flit)][0];
      context.beginPath();
      context.arc(from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part, size, 0, 2 * Math.PI);
      context.fillStyle = moving ? colour : theme.card;
      context.strokeStyle = moving ? (dark.matches ? theme.ink : theme.card) : colour;
      context.lineWidth = moving ? 1 : 2;
      context.fill();
      context.stroke();
    }
  }

  // What the tile that was clicked does, in words.
  words() {
    const {x, y} = this.state.tile,
      {model, state} = this;
    const texts = model.queues.map(queue => {
      const engine = model.engineOf.get(`${x},${y},${queue}`);
      if (!engine) return "";
      const {now, causes, waiting} = model.doing(engine, state.cursor);
      const stalled = causes.length ? `, stalled: ${causes.join(", ")}` : "";
      return `${queue} ${now ? `${now.name} (slot ${now.slot})` : waiting}${stalled}`;
    });
    document.getElementById("mesh-tile").textContent = `tile (${x},${y}): ${texts.filter(Boolean).join(" · ")}`;
    this.canvas.setAttribute(
      "aria-label",
      `mesh of ${model.facts.columns} × ${model.facts.rows} tiles at cycle ${state.cursor}`,
    );
    this.canvas.dataset.tile = `${x},${y}`;
  }

  describe(x, y) {
    if (!this.drawing) return "";
    const {model, state} = this,
      link = this.drawing.linkAt(x, y),
      [from, to] = this.span;
    if (link) {
      const i = model.flitAt(link, state.cursor),
        used = model.used(link, from, to);
      const share = percent(used / Math.max(1, to - from));
      const use = `${link.network} ${link.name}: ${share} of cycles (${count(used, "flit")})`;
      return i < 0 ? use : `${use}\n${flitText(link, model.flit(i), model)}`;
    }
    const tile = this.drawing.tileAt(x, y);
    if (!tile) return "";
    return [
      `tile (${tile.x},${tile.y})`,
      ...model.queues.map(queue => {
        const engine = model.engineOf.get(`${tile.x},${tile.y},${queue}`),
          {now, causes, waiting} = model.doing(engine, state.cursor);
        const runs = now ? `${now.name} slot ${now.slot} since ${number(now.begin)}; ` : "";
        return `${queue}: ${runs}sequencer ${waiting}${causes.length ? `; stalled: ${causes.join(", ")}` : ""}`;
      }),
      "click: its rows in the Gantt",
    ].join("\n");
  }

  // A flit chooses its transfer, a tile its rows.
  click(event) {
    const {model, state} = this,
      link = this.drawing.linkAt(event.offsetX, event.offsetY),
      i = link ? model.flitAt(link, state.cursor) : -1;
    const transfer = i < 0 ? null : model.transferOf(model.flit(i)),
      tile = this.drawing.tileAt(event.offsetX, event.offsetY);
    if (transfer) state.set({collective: transfer.number});
    else if (tile) state.set({tile, view: state.view === "mesh" ? "mesh" : "gantt", reveal: true});
  }
}
