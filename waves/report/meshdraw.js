// The mesh in place: a router at the south-west corner of each cell, its tile beside it, y to the north.

const LANES = [
  ["data", 2.5],
  ["request", 7.5],
  ["reduce", 12.5],
];
const STEPS = {west: [-1, 0], east: [1, 0], south: [0, -1], north: [0, 1]};

class MeshDrawing {
  // `network`: all or one of them.
  constructor(model, width, height, network) {
    const {columns, rows, channels} = model.facts;
    this.model = model;
    this.network = network;
    const at = edge => (channels.some(channel => channel[0] === edge) ? 34 : 8);
    const wide = (width - at("west") - at("east")) / columns,
      tall = (height - at("south") - at("north")) / rows;
    this.cellX = Math.min(wide, tall * 1.5, 230);
    this.cellY = Math.min(tall, wide * 1.25, 170);
    this.small = Math.min(this.cellX, this.cellY);
    this.left = (width - this.cellX * columns - at("west") - at("east")) / 2 + at("west");
    this.bottom = height - (height - this.cellY * rows - at("south") - at("north")) / 2 - at("south");
    const thick = Math.min(1, this.small / 100);
    this.lane = network === "all" ? Math.max(thick, 0.42) : Math.max(thick, 0.5) * 1.5;
    this.half = Math.max(this.small > 60 ? 11 : 4, this.lane * (network === "all" ? 15.5 : 6.5));
  }

  router(x, y) {
    return {x: this.left + x * this.cellX + this.half + 1, y: this.bottom - y * this.cellY - this.half - 1};
  }

  tile(x, y) {
    const at = this.router(x, y),
      gap = Math.max(3, this.small * 0.06);
    const left = at.x + this.half + gap,
      bottom = at.y - this.half - gap;
    return {
      x: left,
      y: bottom - (this.cellY - 2 * this.half - 2 * gap),
      width: this.cellX - 2 * this.half - 2 * gap,
      height: this.cellY - 2 * this.half - 2 * gap,
    };
  }

  shown(link) {
    return this.network === "all" || link.network === this.network;
  }

  // Ends of the line that shows a link.
  line(link) {
    const place = LANES.findIndex(([network]) => network === link.network);
    const beside = this.lane * (this.network === "all" ? LANES[place][1] : 3.2),
      at = this.router(link.x, link.y),
      {half} = this;
    if (link.local) {
      const box = this.tile(link.x, link.y),
        out = link.port === "inject" ? 1 : -1;
      const shift = (this.network === "all" ? (place - 1) * 2 : 0) * this.lane * 2.6 + out * this.lane * 1.3;
      const corner = {x: box.x + 3 + Math.max(0, shift), y: box.y + box.height - 3 + Math.min(0, shift)};
      const edge = {x: at.x + half - 2 + Math.min(0, shift) + 2, y: at.y - half + 2 + Math.max(0, shift) - 2};
      return out > 0 ? [corner, edge] : [edge, corner];
    }
    const [dx, dy] = STEPS[link.port.replace("hbm_", "")],
      inward = link.port.startsWith("hbm_");
    const outside = inward || link.outside(this.model.facts);
    const length = outside ? half + 14 : (dx ? this.cellX : this.cellY) - half;
    // Traffic keeps to the right of its direction.
    const way = inward ? -1 : 1,
      sideX = dy * way * beside,
      sideY = dx * way * beside;
    const near = {x: at.x + dx * half + sideX, y: at.y - dy * half + sideY},
      far = {x: at.x + dx * length + sideX, y: at.y - dy * length + sideY};
    return inward ? [far, near] : [near, far];
  }

  links(context, share) {
    context.lineCap = "butt";
    for (const link of this.model.links) {
      if (!this.shown(link)) continue;
      const [from, to] = this.line(link),
        used = share(link);
      context.strokeStyle = heat(used);
      context.lineWidth = this.lane * (link.local ? 2.2 : 3.6);
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      context.stroke();
    }
  }

  channels(context) {
    for (const [edge, x, y] of this.model.facts.channels) {
      const [dx, dy] = STEPS[edge],
        at = this.router(x, y),
        far = this.half + 14;
      const wide = dx ? 13 : Math.max(26, 2 * this.half),
        tall = dx ? Math.max(28, 2 * this.half) : 13;
      const left = dx ? at.x + dx * far + (dx < 0 ? -wide : 0) : at.x - wide / 2,
        top = dy ? at.y - dy * far + (dy < 0 ? 0 : -tall) : at.y - tall / 2;
      context.fillStyle = theme.faint;
      context.strokeStyle = theme.soft;
      context.lineWidth = 1;
      context.beginPath();
      context.roundRect(left, top, wide, tall, 3);
      context.fill();
      context.stroke();
      context.save();
      context.translate(left + wide / 2, top + tall / 2 + (dx ? 0 : 0.5));
      if (dx) context.rotate(-Math.PI / 2);
      write(context, "HBM", 0, 0, {align: "center", font: SMALL, colour: theme.ink});
      context.restore();
    }
  }

  // `root`: the router to fill, or null.
  routers(context, root = null) {
    context.lineWidth = 1;
    for (let y = 0; y < this.model.facts.rows; y++)
      for (let x = 0; x < this.model.facts.columns; x++) {
        const at = this.router(x, y);
        const filled = root && root.x === x && root.y === y;
        context.fillStyle = filled ? theme.accent : theme.faint;
        context.strokeStyle = theme.soft;
        context.beginPath();
        context.roundRect(at.x - this.half, at.y - this.half, 2 * this.half, 2 * this.half, 3);
        context.fill();
        context.stroke();
        const text = fitting(context, 2 * this.half - 1, SMALL, `${x},${y}`);
        write(context, text, at.x, at.y, {align: "center", font: SMALL, colour: filled ? theme.card : theme.ink});
      }
  }

  // The link whose line is nearest to a place, within a few pixels.
  linkAt(x, y) {
    let best = null,
      nearest = 4;
    for (const link of this.model.links) {
      if (!this.shown(link)) continue;
      const [a, b] = this.line(link),
        dx = b.x - a.x,
        dy = b.y - a.y;
      const part = Math.min(1, Math.max(0, ((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy || 1)));
      const away = Math.hypot(x - a.x - part * dx, y - a.y - part * dy);
      if (away < nearest) [best, nearest] = [link, away];
    }
    return best;
  }

  tileAt(x, y) {
    for (let row = 0; row < this.model.facts.rows; row++)
      for (let column = 0; column < this.model.facts.columns; column++) {
        const box = this.tile(column, row),
          at = this.router(column, row);
        const inside = x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
        if (inside || (Math.abs(x - at.x) <= this.half && Math.abs(y - at.y) <= this.half)) return {x: column, y: row};
      }
    return null;
  }
}
