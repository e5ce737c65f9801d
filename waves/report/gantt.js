// The engines of every tile: instructions and sequencer states in a lane, why they stall in a strip below it.

class GanttView extends TimeView {
  constructor(state) {
    super(state, document.getElementById("gantt"), 96);
    this.rows = [];
    this.tiles = document.getElementById("gantt-tiles");
    this.readout = document.getElementById("gantt-readout");
    this.tiles.addEventListener("change", () => this.render());
    this.scratch = document.createElement("canvas");
    this.legends();
    this.issues = new Map();
    for (const transfer of state.model.transfers)
      for (const [tile, cycle] of transfer.times("issued"))
        this.issues.set(`${transfer.tag} ${tile} ${cycle}`, transfer.number);
  }

  legends() {
    const {model} = this.state;
    legend(this.legend, [
      ...model.classes.map((name, i) => [CLASS_COLOURS[i], name]),
      ...Object.entries(STATE_NAMES)
        .filter(([name]) => name !== "boot")
        .map(([name, text]) => [theme.states[name], text]),
      [null, "strip:"],
      ...model.causes.map(name => [
        CAUSE_COLOURS[name],
        name === "semaphore"
          ? "no work: semaphore"
          : name === "l1"
            ? "L1 conflict"
            : name === "operand"
              ? "operand stall"
              : name === "drain"
                ? "drain stall"
                : "network stall",
      ]),
    ]);
  }

  layout(room) {
    const {model, tile} = this.state,
      one = this.tiles.value === "one";
    const engines = one ? model.engines.filter(engine => engine.x === tile.x && engine.y === tile.y) : model.engines;
    const height = one ? Math.max(30, Math.min(64, room / 4)) : 17,
      gap = one ? 0 : 5;
    this.rows = engines.map((engine, i) => ({engine, y: i * height + Math.floor(i / 4) * gap, height}));
    const content = engines.length * height + Math.floor(engines.length / 4) * gap;
    if (this.state.reveal) {
      this.state.reveal = false;
      const first = this.rows.find(row => row.engine.x === tile.x && row.engine.y === tile.y);
      this.spacer.style.height = Math.max(0, content - room) + "px";
      if (first) this.scroller.scrollTop = first.y - 20;
    }
    return content;
  }

  lane(row) {
    return {
      top: 1,
      tall: Math.round(row.height * 0.6),
      strip: Math.round(row.height * 0.6) + 2,
      thin: Math.max(3, Math.round(row.height * 0.22)),
    };
  }

  draw(context, visible) {
    const {state} = this,
      {tile} = state;
    this.canvas.setAttribute("aria-label", `instructions of ${this.rows.length} engines`);
    Object.assign(this.canvas.dataset, {row: this.rows.length ? this.rows[0].height : 0, scroll: this.top});
    const columns = [];
    for (const row of visible) {
      const y = AXIS + row.y - this.top,
        {engine} = row,
        chosen = engine.x === tile.x && engine.y === tile.y;
      if (chosen) {
        context.fillStyle = theme.accent;
        context.globalAlpha = 0.13;
        context.fillRect(0, y - 1, this.gutter - 2, row.height + 1);
        context.globalAlpha = 1;
      }
      if (engine.queue === this.state.model.queues[0])
        write(context, `(${engine.x},${engine.y})`, 4, y + row.height / 2, {
          colour: chosen ? theme.accent : theme.ink,
          font: "bold " + FONT,
        });
      write(context, engine.queue, this.gutter - 7, y + row.height / 2, {align: "right"});
      if (this.density(engine) * 2.5 > this.width) columns.push(row);
      else this.items(context, row, y);
    }
    if (columns.length) this.shares(context, columns);
  }

  // Runs of the lane in the visible window.
  density({lane, stall}) {
    const {from, to} = this.state;
    return Math.max(lane.index(to) - lane.index(from), stall.index(to) - stall.index(from));
  }

  items(context, row, y) {
    const {state} = this,
      {model} = state,
      {engine} = row,
      {top, tall, strip, thin} = this.lane(row),
      base = model.states.length;
    const box = (begin, end, at, high, colour, gap = 0) => {
      const left = Math.max(this.gutter, this.x(begin)),
        right = Math.min(this.gutter + this.width, this.x(end));
      context.fillStyle = colour;
      if (right > left) context.fillRect(left, y + at, Math.max(right - left - gap, 0.6), high);
      return right - left;
    };
    engine.lane.each(state.from, state.to, (value, begin, end) => {
      if (value < base) box(begin, end, top, tall, theme.states[model.states[value]]);
    });
    engine.state.each(state.from, state.to, (value, begin, end) => {
      if (value >> 3 && engine.lane.at(begin) < base && this.x(end) - this.x(begin) > 24)
        write(context, `s${value >> 3}`, Math.max(this.gutter, this.x(begin)) + 4, y + top + tall / 2, {font: SMALL});
    });
    for (let i = this.firstItem(engine); i < engine.to; i++) {
      const item = model.executed(engine, i);
      if (item.begin >= state.to) break;
      const wide = box(
        item.begin,
        item.end,
        top,
        tall,
        CLASS_COLOURS[item.kind],
        this.perCycle * (item.end - item.begin) > 3 ? 1 : 0,
      );
      if (wide > 34 && wide > item.name.length * 7 + 6)
        write(
          context,
          item.name + (wide > 110 ? ` · slot ${item.slot}` : ""),
          Math.max(this.gutter, this.x(item.begin)) + 4,
          y + top + tall / 2 + 0.5,
          {colour: inkOn(CLASS_COLOURS[item.kind]), font: SMALL},
        );
    }
    engine.stall.each(state.from, state.to, (value, begin, end) => {
      if (value) box(begin, end, strip, thin, this.cause(value));
    });
  }

  firstItem(engine) {
    return Math.max(
      engine.from,
      lower(this.state.model.columns["executed.issued"], this.state.from, engine.from, engine.to) - 1,
    );
  }

  // Colour of the first cause in a value.
  cause(value) {
    return CAUSE_COLOURS[this.state.model.causes[31 - Math.clz32(value & -value)]];
  }

  // Too many runs to tell apart: every pixel shows the shares of what lies in its cycles.
  shares(context, rows) {
    const {state} = this,
      wide = Math.floor(this.width),
      tall = Math.ceil(this.scroller.clientHeight - AXIS),
      per = (state.to - state.from) / wide;
    const image = new ImageData(wide, tall),
      pixels = new Uint32Array(image.data.buffer),
      background = packed(theme.card);
    const lanes = [...this.state.model.states.map(name => packed(theme.states[name])), ...CLASS_COLOURS.map(packed)];
    const causes = this.state.model.causes.map(name => packed(CAUSE_COLOURS[name]));
    const put = (x, from, to, colour) => {
      for (let y = Math.max(0, from); y < Math.min(to, tall); y++) pixels[y * wide + x] = colour;
    };
    for (const row of rows) {
      const {top, tall: high, strip, thin} = this.lane(row),
        y = Math.round(row.y - this.top);
      binned(row.engine.lane, state.from, per, wide, lanes.length, (x, sums, total) => {
        let done = 0,
          at = 0;
        for (let value = lanes.length - 1; value >= 0; value--) {
          if (!sums[value]) continue;
          done += sums[value];
          const to = Math.round((done / total) * high);
          put(x, y + top + at, y + top + to, lanes[value]);
          at = to;
        }
      });
      binned(row.engine.stall, state.from, per, wide, 1 << causes.length, (x, sums, total) => {
        let most = 0,
          which = -1;
        causes.forEach((_, bit) => {
          let sum = 0;
          for (let value = 1; value < sums.length; value++) if ((value >> bit) & 1) sum += sums[value];
          if (sum > most) [most, which] = [sum, bit];
        });
        if (which >= 0) put(x, y + strip, y + strip + thin, mixed(background, causes[which], Math.max(0.25, most / total)));
      });
    }
    this.scratch.width = wide;
    this.scratch.height = tall;
    this.scratch.getContext("2d").putImageData(image, 0, 0);
    context.drawImage(this.scratch, this.gutter, AXIS);
  }

  describe(row, cycle, y) {
    const {model} = this.state,
      {engine} = row,
      name = `tile (${engine.x},${engine.y}) ${engine.queue}`;
    if (cycle === null || cycle < model.first || cycle >= model.end) return name;
    const {now, causes, waiting} = model.doing(engine, cycle);
    const lines = [name + `, cycle ${number(cycle)}`];
    if (now) lines.push(itemText(model, engine, now));
    lines.push(`sequencer: ${waiting}`);
    if (causes.length) lines.push(`stalled: ${causes.join(", ")}`);
    return lines.join("\n");
  }

  // A click on an instruction moves the cursor to its issue, and chooses its transfer.
  pick(row, cycle) {
    const {engine} = row,
      {model} = this.state,
      tile = {x: engine.x, y: engine.y},
      item = cycle === null ? null : model.running(engine, cycle);
    if (cycle === null) return (this.state.set({tile}), true);
    if (!item) return (this.state.set({tile}), false);
    const transfer = this.issues.get(`${item.tag} ${tile.x + tile.y * model.facts.columns} ${item.issued}`);
    this.state.set({tile, collective: transfer !== undefined && hasTag(engine) ? transfer : this.state.collective});
    this.state.go(item.begin >= this.state.from ? item.begin : cycle);
    const text = itemText(model, engine, item).replaceAll("\n", " · ");
    this.readout.textContent = `(${tile.x},${tile.y}) ${engine.queue}: ${text}`;
    return true;
  }
}
