// A canvas with cycles from left to right and rows that scroll: axis, cursor, wheel, drag, click, tooltip.

const AXIS = 24;

class TimeView {
  // `view` says what is special: rows, height(), draw(context), pick(row, cycle), describe(row, cycle, y).
  constructor(state, section, gutter) {
    this.state = state;
    this.section = section;
    this.gutter = gutter;
    this.scroller = section.querySelector(".scroller");
    this.canvas = this.scroller.querySelector("canvas");
    this.spacer = this.scroller.querySelector(".spacer");
    this.legend = section.querySelector(":scope > .legend");
    this.scroller.addEventListener("scroll", () => {
      if (!this.drawing) this.render();
    });
    handleTime(this, this.canvas);
  }

  get width() {
    return this.canvas.clientWidth - this.gutter - 6;
  }
  get top() {
    return this.scroller.scrollTop;
  }
  x(cycle) {
    return this.gutter + ((cycle - this.state.from) / (this.state.to - this.state.from)) * this.width;
  }
  cycle(x) {
    return this.state.from + ((x - this.gutter) / this.width) * (this.state.to - this.state.from);
  }
  get perCycle() {
    return this.width / (this.state.to - this.state.from);
  }

  // Row under a place of the canvas, -1 if none.
  row(y) {
    return y < AXIS
      ? -1
      : this.rows.findIndex(row => y - AXIS + this.top >= row.y && y - AXIS + this.top < row.y + row.height);
  }

  render() {
    this.drawing = true;
    const height = this.scroller.clientHeight,
      content = this.layout(height - AXIS) + AXIS;
    this.spacer.style.height = Math.max(0, content - height) + "px";
    const context = fitted(this.canvas, height);
    context.save();
    context.beginPath();
    context.rect(0, AXIS, this.canvas.clientWidth, height - AXIS);
    context.clip();
    const visible = this.rows.filter(row => row.y + row.height > this.top && row.y < this.top + height - AXIS);
    this.draw(context, visible, height);
    context.restore();
    this.axis(context, height);
    Object.assign(this.canvas.dataset, {
      from: this.state.from,
      to: this.state.to,
      gutter: this.gutter,
      width: this.width,
      axis: AXIS,
      rows: this.rows.length,
      cursor: this.state.cursor,
    });
    this.drawing = false;
  }

  axis(context, height) {
    const {state} = this;
    context.fillStyle = theme.line;
    context.fillRect(this.gutter, AXIS - 1, this.width, 1);
    for (const at of ticks(state.from, state.to, this.width)) {
      context.fillStyle = theme.line;
      context.fillRect(Math.round(this.x(at)), AXIS - 5, 1, 5);
      const covered =
        state.cursor >= state.from && state.cursor < state.to && Math.abs(this.x(at) - this.x(state.cursor + 0.5)) < 56;
      if (!covered)
        write(context, number(at), Math.min(this.x(at), this.gutter + this.width - 18), AXIS - 12, {align: "center"});
    }
    write(context, "cycles", this.gutter - 30, AXIS - 12, {align: "right", colour: theme.soft});
    if (state.cursor >= state.from - 1 && state.cursor < state.to) {
      const left = Math.max(this.x(state.cursor), this.gutter),
        right = Math.min(this.x(state.cursor + 1), this.gutter + this.width);
      context.globalAlpha = 0.16;
      context.fillStyle = theme.cursor;
      context.fillRect(left, AXIS, Math.max(right - left, 1), height - AXIS);
      context.globalAlpha = 1;
      context.fillRect(Math.round((left + right) / 2), AXIS - 4, 1, height - AXIS + 4);
      const text = number(state.cursor),
        wide = context.measureText(text).width + 10;
      context.beginPath();
      context.roundRect((left + right - wide) / 2, 3, wide, 17, 4);
      context.fill();
      write(context, text, (left + right) / 2, 12, {align: "center", colour: theme.card});
    }
  }

  click(x, y) {
    const row = this.row(y),
      cycle = Math.floor(this.cycle(x));
    if (row >= 0 && this.pick(this.rows[row], x < this.gutter ? null : cycle, y)) return;
    if (x >= this.gutter) this.state.go(cycle);
  }

  hover(x, y) {
    const row = this.row(y);
    return row < 0 ? "" : this.describe(this.rows[row], x < this.gutter ? null : Math.floor(this.cycle(x)), y);
  }

  drag(dy) {
    this.scroller.scrollTop -= dy;
  }
}

// How much wider the window gets by a turn of the wheel; some browsers count lines, not pixels.
function zoomOf(event) {
  return 1.0016 ** Math.max(-300, Math.min(300, event.deltaY * (event.deltaMode ? 16 : 1)));
}

// Wheel, drag, click and tooltip of a canvas whose `view` knows x(), cycle(), width, click() and hover().
function handleTime(view, canvas) {
  const {state} = view;
  let start = null,
    moved = false;
  canvas.addEventListener(
    "wheel",
    event => {
      if (event.offsetX < view.gutter && !event.ctrlKey) return;
      event.preventDefault();
      const unit = event.deltaMode ? 16 : 1,
        across = unit * (event.shiftKey ? event.deltaY : event.deltaX);
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        const shift = (across / view.width) * (state.to - state.from);
        state.set({from: state.from + shift, to: state.to + shift});
      } else state.zoom(zoomOf(event), view.cycle(event.offsetX));
    },
    {passive: false},
  );
  canvas.addEventListener("pointerdown", event => {
    start = {x: event.offsetX, y: event.clientY, from: state.from, to: state.to};
    moved = false;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    if (!start) return tip.show(view.hover(event.offsetX, event.offsetY), event);
    const dx = event.offsetX - start.x,
      dy = event.clientY - start.y;
    if (!moved && Math.abs(dx) + Math.abs(dy) < 5) return;
    moved = true;
    tip.hide();
    const shift = (dx / view.width) * (start.to - start.from);
    state.set({from: start.from - shift, to: start.to - shift});
    if (view.drag) {
      view.drag(dy);
      start.y = event.clientY;
    }
  });
  canvas.addEventListener("pointerup", event => {
    if (start && !moved) view.click(event.offsetX, event.offsetY);
    start = null;
  });
  canvas.addEventListener("pointercancel", () => {
    start = null;
  });
  canvas.addEventListener("pointerleave", () => tip.hide());
}
