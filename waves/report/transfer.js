// One transfer, read from the columns when asked.

class Transfer {
  constructor(model, number) {
    this.model = model;
    this.index = number;
    for (const name of ["number", "tag", "words", "bytes", "start", "bound", "begin", "end", "x0", "y0", "x1", "y1"])
      this[name] = this.get(name);
    this.root = {x: this.get("root_x"), y: this.get("root_y")};
    this.kind = model.kinds[this.get("kind")];
    this.op = model.ops[this.get("op")];
    this.whole = this.get("whole") === 1;
    this.collective = this.get("collective") === 1;
    const starts = this.times("issued").map(([, cycle]) => cycle);
    this.first = starts.length ? Math.min(...starts) : NaN;
    this.issued = starts.length ? Math.max(...starts) : NaN;
    this.latency = this.whole ? this.end - this.start + 1 : NaN;
    this.ratio = this.whole && this.bound ? this.latency / this.bound : NaN;
    const columns = model.columns,
      from = columns["hop.at"][number],
      to = columns["hop.at"][number + 1];
    this.hopFrom = from;
    this.hopTo = to;
    this.problems = model.wrong.get(this.number) || 0;
    this.forkWait = this.joinWait = this.blocked = 0;
    const firsts = columns["hop.first"].subarray(from, to).filter(cycle => cycle >= 0);
    this.firstFlit = firsts.length ? firsts.reduce((a, b) => Math.min(a, b)) : NaN;
    this.until = columns["hop.last"].subarray(from, to).reduce((a, b) => Math.max(a, b), this.end);
    for (let i = from; i < to; i++) {
      this.forkWait += columns["hop.fork_wait"][i];
      this.joinWait += columns["hop.join_wait"][i];
      this.blocked += columns["hop.blocked"][i];
    }
  }

  get(name) {
    return this.model.columns["transfer." + name][this.index];
  }

  get tiles() {
    return (this.x1 - this.x0 + 1) * (this.y1 - this.y0 + 1);
  }
  get rectangle() {
    return this.tiles === 1 ? `(${this.x0},${this.y0})` : `(${this.x0},${this.y0})–(${this.x1},${this.y1})`;
  }
  get what() {
    return (this.op ? `${this.kind} ${this.op}` : this.kind) + (this.collective && !this.op ? " multicast" : "");
  }
  // A cycle in which words move.
  get middle() {
    return Math.round(((this.whole ? this.start : this.begin) + this.until) / 2);
  }

  // [tile number, cycle] of `issued` or `completed`.
  times(name) {
    const columns = this.model.columns,
      found = [];
    for (let i = columns[name + ".at"][this.index]; i < columns[name + ".at"][this.index + 1]; i++)
      found.push([columns[name + ".tile"][i], columns[name + ".cycle"][i]]);
    return found;
  }

  // Links in tree order, each with its flits and the hops that carry them on.
  hops() {
    const {columns, links} = this.model,
      found = [];
    for (let i = this.hopFrom; i < this.hopTo; i++) {
      const get = name => columns["hop." + name][i];
      const hop = {
        link: links[get("link")],
        first: get("first"),
        last: get("last"),
        depth: get("depth"),
        count: get("flits"),
        forkWait: get("fork_wait"),
        joinWait: get("join_wait"),
        blocked: get("blocked"),
      };
      hop.next = columns["next.hop"].subarray(columns["next.at"][i], columns["next.at"][i + 1]);
      hop.flits = this.flitsOn(hop);
      hop.siblings = [];
      found.push(hop);
    }
    for (const {next} of found)
      if (next.length > 1) for (const i of next) found[i].siblings = Array.from(next).filter(other => other !== i);
    return found;
  }

  // Its own among the flits of a link: those of its tag, rectangle and root in its time.
  flitsOn(hop) {
    const {model} = this,
      {link} = hop,
      mine = [];
    for (let i = lower(model.taken, hop.first, link.from, link.to); i < link.to && model.taken[i] <= hop.last; i++) {
      const same = name => model.field(i, name) === this[name];
      const root =
        link.network !== "reduce" || (model.field(i, "root_x") === this.root.x && model.field(i, "root_y") === this.root.y);
      if (root && ["tag", "x0", "y0", "x1", "y1"].every(same)) mine.push(i);
    }
    return mine;
  }

  // The hops in which a tile puts its words in and takes words out.
  isMember(link) {
    return link.local && this.x0 <= link.x && link.x <= this.x1 && this.y0 <= link.y && link.y <= this.y1;
  }
}
