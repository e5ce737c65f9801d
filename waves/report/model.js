// The inspection as the page holds it: typed arrays, decoded from the columns.

async function column(element) {
  const text = atob(element.textContent),
    packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  element.remove();
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = planes.length / 4,
    steps = element.dataset.steps === "1",
    values = new Int32Array(length);
  let before = 0;
  for (let i = 0; i < length; i++) {
    const value = planes[i] | (planes[length + i] << 8) | (planes[2 * length + i] << 16) | (planes[3 * length + i] << 24);
    values[i] = before = steps ? (before + value) | 0 : value;
  }
  return values;
}

// First index in [begin, end) of a sorted array whose value is not below `value`.
function lower(sorted, value, begin, end) {
  while (begin < end) {
    const middle = (begin + end) >> 1;
    if (sorted[middle] < value) begin = middle + 1;
    else end = middle;
  }
  return begin;
}

// What one engine did: runs of equal values without gaps.
class Track {
  constructor(columns, name, engine, end) {
    this.begins = columns[name + ".begin"];
    this.values = columns[name + ".value"];
    this.from = columns[name + ".at"][engine];
    this.to = columns[name + ".at"][engine + 1];
    this.end = end;
  }
  index(cycle) {
    return Math.max(this.from, lower(this.begins, cycle + 1, this.from, this.to) - 1);
  }
  at(cycle) {
    return this.to > this.from ? this.values[this.index(cycle)] : 0;
  }
  // Cycles from `from` up to but not including `to` in which the value `counts`.
  held(from, to, counts) {
    let sum = 0;
    this.each(from, to, (value, begin, end) => {
      if (counts(value)) sum += Math.min(end, to) - Math.max(begin, from);
    });
    return sum;
  }
  endOf(index) {
    return index + 1 < this.to ? this.begins[index + 1] : this.end;
  }
  // Calls visit(value, begin, end) for every run that touches [from, to).
  each(from, to, visit) {
    if (this.to === this.from) return;
    for (let i = this.index(from); i < this.to && this.begins[i] < to; i++)
      visit(this.values[i], this.begins[i], this.endOf(i));
  }
}

class Model {
  constructor(index, columns) {
    Object.assign(this, index);
    this.columns = columns;
    this.end = this.last + 1;
    this.cycles = this.end - this.first;
    this.tiles = this.facts.columns * this.facts.rows;
    const wait = columns["flit.wait"],
      offered = columns["flit.offered"];
    this.offered = offered;
    this.taken = offered.map((cycle, i) => (wait[i] < 0 ? this.end : cycle + wait[i]));
    const at = columns["flit.at"];
    this.links = index.links.map(
      ([network, x, y, port], number) => new MeshLink(number, network, x, y, port, at[number], at[number + 1]),
    );
    this.engines = index.engines.map(([x, y, queue], number) => this.engine(x, y, queue, number));
    this.engineOf = new Map(this.engines.map(engine => [`${engine.x},${engine.y},${engine.queue}`, engine]));
    this.problems = index.problems.map(([cycle, x, y, what, collective]) => ({cycle, x, y, what, collective}));
    this.wrong = new Map();
    for (const {collective} of this.problems) this.wrong.set(collective, (this.wrong.get(collective) || 0) + 1);
    this.transfers = Array.from(columns["transfer.number"], (_, number) => new Transfer(this, number));
    this.byNumber = new Map(this.transfers.map(transfer => [transfer.number, transfer]));
  }

  engine(x, y, queue, number) {
    const tracks = Object.fromEntries(
      ["lane", "state", "stall", "active"].map(name => [name, new Track(this.columns, name, number, this.end)]),
    );
    return {
      x,
      y,
      queue,
      number,
      ...tracks,
      from: this.columns["executed.at"][number],
      to: this.columns["executed.at"][number + 1],
    };
  }

  // Flits of a link taken in [from, to).
  used(link, from, to) {
    return lower(this.taken, Math.min(to, this.end), link.from, link.to) - lower(this.taken, from, link.from, link.to);
  }

  // The flit that is on a link in a cycle: offered, and taken in this cycle or later. -1 if none is.
  flitAt(link, cycle) {
    const i = lower(this.taken, cycle, link.from, link.to);
    return i < link.to && this.offered[i] <= cycle ? i : -1;
  }

  flit(i) {
    const header = this.columns["flit.header"][i],
      fields = {};
    for (const name of this.fields) fields[name] = this.columns["header." + name][header];
    return {
      ...fields,
      addr: this.columns["flit.addr"][i],
      seq: this.columns["flit.seq"][i],
      offered: this.offered[i],
      taken: this.taken[i],
    };
  }

  // The transfer that a flit belongs to, if it is known.
  transferOf(flit) {
    const root = t => flit.root_x < 0 || (flit.root_x === t.root.x && flit.root_y === t.root.y);
    return this.transfers.find(
      t =>
        t.tag === flit.tag &&
        t.begin <= flit.taken &&
        flit.offered <= t.end &&
        root(t) &&
        ["x0", "y0", "x1", "y1"].every(name => t[name] === flit[name]),
    );
  }

  field(i, name) {
    return this.columns["header." + name][this.columns["flit.header"][i]];
  }

  // An instruction of an engine; `begin` and `end` are cut to the window and to where the next one begins.
  executed(engine, i) {
    const get = name => this.columns["executed." + name][i];
    const issued = get("issued"),
      done = get("done"),
      begin = issued < 0 ? this.first : issued;
    let end = done < 0 ? this.end : done + 1;
    if (i + 1 < engine.to) end = Math.min(end, Math.max(this.columns["executed.issued"][i + 1], this.first));
    const [name, kind] = this.opcodes[get("opcode")] || ["opcode " + get("opcode"), this.classes.length];
    return {
      i,
      issued,
      done,
      begin,
      end,
      name,
      kind,
      slot: get("slot"),
      tag: get("tag"),
      rows: get("rows"),
      words: get("words"),
    };
  }

  // The instruction that an engine is at in a cycle, or null.
  running(engine, cycle) {
    const i = lower(this.columns["executed.issued"], cycle + 1, engine.from, engine.to) - 1;
    if (i < engine.from) return null;
    const found = this.executed(engine, i);
    return found.begin <= cycle && cycle < found.end ? found : null;
  }

  // In words, what an engine does in a cycle.
  doing(engine, cycle) {
    const now = this.running(engine, cycle),
      state = engine.state.at(cycle),
      stall = engine.stall.at(cycle);
    const causes = this.causes.filter((name, bit) => (stall >> bit) & 1 && name !== "semaphore");
    const name = this.states[state & 7];
    const waiting =
      name === "wait0" || name === "wait1"
        ? `waits for semaphore ${state >> 3}`
        : {engine: now ? "next one is ready" : "waits for the engine", drain: "waits for earlier instructions"}[name] ||
          (name === "fetch" ? "fetches" : name);
    return {now, causes, name, waiting, semaphore: state >> 3};
  }
}

class MeshLink {
  constructor(number, network, x, y, port, from, to) {
    Object.assign(this, {number, network, x, y, port, from, to});
    this.name = `(${x},${y}) ${port.replace("_", " ")}`;
  }
  // Whether it leads out of the mesh, to a channel.
  outside({columns, rows}) {
    const [dx, dy] = STEPS[this.port] || [0, 0];
    return this.x + dx < 0 || this.y + dy < 0 || this.x + dx >= columns || this.y + dy >= rows;
  }
  get local() {
    return this.port === "inject" || this.port === "eject";
  }
}
