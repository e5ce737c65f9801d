// Space-time diagram of the chosen transfer: its links along its tree, cycles to the right.

const WAIT_COLOURS = {offered: "#e69f00", fork: "#7b4fa3", join: "#d55e00", router: "#8b97a5"};

class SpaceTimeView extends TimeView {
  constructor(state) {
    super(state, document.getElementById("spacetime"), 158);
    this.caption = document.getElementById("spacetime-caption");
    this.rows = [];
  }

  get transfer() {
    return this.state.model.byNumber.get(this.state.collective);
  }

  layout(room) {
    const {transfer} = this;
    if (this.shown !== transfer || !this.hops) {
      this.shown = transfer;
      this.hops = transfer ? transfer.hops() : [];
      this.issued = new Map(transfer && transfer.times("issued"));
      this.completed = new Map(transfer && transfer.times("completed"));
      this.networks = ["request", "reduce", "data"].filter(name => this.hops.some(hop => hop.link.network === name));
    }
    const height = Math.max(13, Math.min(30, Math.floor((room - 30) / Math.max(1, this.hops.length))));
    this.rows = transfer
      ? [{y: 0, height: 30, summary: true}, ...this.hops.map((hop, i) => ({y: 30 + i * height, height, hop}))]
      : [];
    this.describeTransfer(transfer);
    return 30 + this.hops.length * height;
  }

  describeTransfer(transfer) {
    if (!transfer) {
      this.caption.textContent = "No transfer in this window.";
      return legend(this.legend, []);
    }
    this.caption.textContent = transferText(transfer);
    const {networks} = this;
    legend(this.legend, [
      ...networks.map(name => [wordColour(name, 0.35), `${name}: a flit crosses (later words darker)`]),
      [WAIT_COLOURS.offered, "offered, not taken"],
      [WAIT_COLOURS.router, "below: in the router"],
      ...(this.hops.some(hop => hop.siblings.length)
        ? [[WAIT_COLOURS.fork, "above: behind the first branch of its fork"]]
        : []),
      ...(networks.includes("reduce") ? [[WAIT_COLOURS.join, "below: waits for its join"]] : []),
      [null, "▶ issued"],
      [null, "◆ complete"],
      [null, "★ root"],
      [null, "bold: member"],
    ]);
  }

  draw(context, visible, height) {
    const {transfer, hops} = this;
    this.canvas.setAttribute(
      "aria-label",
      transfer ? `space-time diagram of transfer ${transfer.number} on ${hops.length} links` : "no transfer",
    );
    for (const row of visible) row.summary ? this.summary(context, row) : this.hopRow(context, row);
    const before = transfer && transfer.until < this.state.from;
    if (before || (transfer && transfer.begin >= this.state.to))
      write(
        context,
        before
          ? `← it ended at cycle ${number(transfer.until)}, before the visible window ("fit collective" goes there)`
          : `it begins at cycle ${number(transfer.begin)}, after the visible window ("fit collective" goes there) →`,
        this.gutter + this.width / 2,
        AXIS + 46 - this.top,
        {align: "center", colour: theme.ink},
      );
    if (!transfer || !transfer.bound || transfer.start < 0) return;
    const x = this.x(transfer.start + transfer.bound);
    if (x < this.gutter) return;
    context.strokeStyle = theme.accent;
    context.lineWidth = 1.5;
    context.setLineDash([5, 4]);
    context.beginPath();
    context.moveTo(x, AXIS);
    context.lineTo(x, height);
    context.stroke();
    context.setLineDash([]);
  }

  // From where the latency counts: the bound, and what it took.
  summary(context, row) {
    const {transfer} = this,
      y = AXIS + row.y - this.top,
      from = this.x(transfer.start),
      bound = this.x(transfer.start + transfer.bound),
      end = this.x(transfer.end + 1);
    if (transfer.whole) write(context, "latency", this.gutter - 6, y + 20, {align: "right"});
    if (transfer.start < 0) return;
    if (transfer.bound) {
      write(context, "bound", this.gutter - 6, y + 7, {align: "right", colour: theme.accent});
      this.bar(context, from, bound, y + 3, theme.accent, count(transfer.bound, "cycle"));
    }
    if (transfer.whole) this.bar(context, from, end, y + 16, theme.soft, count(transfer.latency, "cycle"));
  }

  bar(context, from, to, y, colour, text) {
    const left = Math.max(from, this.gutter),
      right = Math.min(to, this.gutter + this.width);
    if (right <= left) return;
    context.fillStyle = colour;
    context.fillRect(left, y + 3, right - left, 3);
    const wide = context.measureText(text).width,
      inside = right + wide + 8 > this.gutter + this.width;
    if (inside) {
      context.fillStyle = theme.card;
      context.fillRect(right - wide - 12, y - 1, wide + 8, 11);
    }
    write(context, text, inside ? right - wide - 8 : right + 5, y + 4.5, {colour, font: SMALL});
  }

  hopRow(context, row) {
    const {hop} = row,
      {link} = hop,
      {model} = this.state,
      y = AXIS + row.y - this.top,
      thick = Math.max(6, Math.min(row.height - 8, 16)),
      top = y + (row.height - thick - 4) / 2;
    context.fillStyle = theme.faint;
    context.fillRect(0, y + row.height - 1, this.canvas.clientWidth, 1);
    const member = this.transfer.isMember(link),
      root = link.local && link.x === this.transfer.root.x && link.y === this.transfer.root.y;
    context.fillStyle = NETWORK_COLOURS[link.network];
    context.fillRect(2, y + 2, 4, row.height - 5);
    write(context, link.network, 11, y + row.height / 2, {font: SMALL});
    write(context, `${root ? "★ " : ""}${link.name}`, this.gutter - 6, y + row.height / 2, {
      align: "right",
      colour: theme.ink,
      font: member ? "bold " + FONT : FONT,
    });
    context.save();
    context.beginPath();
    context.rect(this.gutter, y, this.width, row.height);
    context.clip();
    this.flits(context, hop, top, thick, model);
    this.marksOf(context, link, top + thick / 2, model);
    context.restore();
  }

  flits(context, hop, top, thick, model) {
    const flitsOf = hops => Array.from(hops, i => this.hops[i].flits).filter(flits => flits.length === hop.flits.length);
    const wide = Math.max(1, this.perCycle - (this.perCycle > 4 ? 1 : 0)),
      nexts = flitsOf(hop.next),
      branches = flitsOf(hop.siblings);
    let drawn = -1;
    hop.flits.forEach((i, word) => {
      const offered = model.offered[i],
        taken = model.taken[i],
        x = this.x(taken),
        on = nexts.reduce((latest, flits) => Math.max(latest, model.offered[flits[word]]), 0);
      if (this.x(on || taken + 1) < this.gutter || this.x(offered) > this.gutter + this.width) return;
      if (this.perCycle < 1 && Math.floor(x) === drawn && on <= taken + 2) return;
      drawn = Math.floor(x);
      if (taken > offered) {
        context.fillStyle = WAIT_COLOURS.offered;
        context.globalAlpha = 0.55;
        context.fillRect(this.x(offered), top + thick * 0.2, x - this.x(offered), thick * 0.6);
        context.globalAlpha = 1;
      }
      const gone = branches.reduce((first, flits) => Math.min(first, model.taken[flits[word]]), taken);
      if (gone < taken) {
        context.fillStyle = WAIT_COLOURS.fork;
        context.fillRect(this.x(gone + 1), top - 3, this.x(taken + 1) - this.x(gone + 1), 2);
      }
      if (on > taken + 1) {
        context.fillStyle = hop.link.network === "reduce" ? WAIT_COLOURS.join : WAIT_COLOURS.router;
        context.fillRect(this.x(taken + 1), top + thick + 1, this.x(on) - this.x(taken + 1), 3);
      }
      context.fillStyle = wordColour(hop.link.network, hop.flits.length > 1 ? word / (hop.flits.length - 1) : 0.35);
      context.fillRect(x, top, wide, thick);
    });
  }

  marksOf(context, link, y, model) {
    const tile = link.x + link.y * model.facts.columns;
    const mark = (cycle, text) => {
      write(context, text, this.x(cycle + 0.5), y, {
        align: "center",
        colour: theme.card,
        font: "bold 15px system-ui, sans-serif",
      });
      write(context, text, this.x(cycle + 0.5), y, {align: "center", colour: theme.ink, font: "11px system-ui, sans-serif"});
    };
    if (link.port === "inject" && link.network === this.networks[0] && this.issued.has(tile))
      mark(this.issued.get(tile), "▶");
    if (this.ends(link) && this.completed.has(tile)) mark(this.completed.get(tile), "◆");
  }

  // Whether words leave the network here: at the last ejectors, those of a store at its channel.
  ends(link) {
    return this.transfer.kind === "store"
      ? link.network === "request" && link.outside(this.state.model.facts)
      : link.port === "eject" && link.network === this.networks.at(-1);
  }

  flitAt(hop, cycle) {
    const {model} = this.state;
    return hop.flits.find(i => model.offered[i] <= cycle && cycle <= model.taken[i]);
  }

  describe(row, cycle) {
    if (row.summary)
      return "from the last member's issue (a load: its first word):\nthe bound of such a network, and the latency";
    const {hop} = row,
      {model} = this.state,
      head =
        `${hop.link.network} ${hop.link.name}: ${count(hop.count, "flit")}, ` +
        `cycles ${number(hop.first)}–${number(hop.last)}\n` +
        `fork waits ${number(hop.forkWait)}, join waits ${number(hop.joinWait)}, blocked ${number(hop.blocked)} cycles`;
    const i = cycle === null ? undefined : this.flitAt(hop, cycle);
    return i === undefined
      ? head
      : flitText(hop.link, model.flit(i), model) +
          `\nword ${number(hop.flits.indexOf(i))} of ${number(hop.flits.length)} here`;
  }

  pick() {
    return false;
  }
}

function wordColour(network, part) {
  const [hue, strong] = {data: [205, 75], request: [160, 65], reduce: [325, 50]}[network];
  return `hsl(${hue} ${strong}% ${dark.matches ? 78 - 38 * part : 70 - 42 * part}%)`;
}
