// The whole window in one strip: flits a cycle by network, the visible part, the cursor; and the cursor's controls.

const STRIP = 13;
const MARGIN = 54;

class TimeBar {
  constructor(state) {
    this.state = state;
    this.model = state.model;
    this.canvas = document.getElementById("overview");
    this.slider = document.getElementById("slider");
    this.input = document.getElementById("cycle");
    for (const field of [this.slider, this.input])
      Object.assign(field, {min: this.model.first, max: this.model.last, step: 1});
    this.slider.addEventListener("input", () => state.go(Number(this.slider.value)));
    this.input.addEventListener("change", () => state.go(Number(this.input.value)));
    for (const button of document.querySelectorAll("[data-step]"))
      button.addEventListener("click", () => state.go(state.cursor + Number(button.dataset.step)));
    document
      .getElementById("whole")
      .addEventListener("click", () => state.set({from: this.model.first, to: this.model.end}));
    document.getElementById("fit").addEventListener("click", () => state.select(state.collective));
    this.drags();
  }

  get width() {
    return this.canvas.clientWidth - MARGIN;
  }
  x(cycle) {
    return MARGIN + ((cycle - this.model.first) / this.model.cycles) * this.width;
  }
  cycle(x) {
    return this.model.first + ((x - MARGIN) / this.width) * this.model.cycles;
  }

  // A drag moves the visible window to the pointer; a wheel zooms it.
  drags() {
    const {canvas, state} = this;
    let held = false;
    const move = event => {
      const middle = this.cycle(event.offsetX),
        half = (state.to - state.from) / 2;
      state.set({from: middle - half, to: middle + half, cursor: middle});
    };
    canvas.addEventListener("pointerdown", event => {
      held = true;
      canvas.setPointerCapture(event.pointerId);
      move(event);
    });
    canvas.addEventListener("pointermove", event => held && move(event));
    canvas.addEventListener("pointerup", () => {
      held = false;
    });
    canvas.addEventListener(
      "wheel",
      event => {
        event.preventDefault();
        state.zoom(zoomOf(event), state.cursor);
      },
      {passive: false},
    );
  }

  // Flits taken by network in each of `bins` equal parts of the window, as a share of what its links could take.
  profile(bins) {
    if (this.bins === bins) return this.shares;
    this.bins = bins;
    this.shares = Object.keys(NETWORK_COLOURS).map(network => {
      const links = this.model.links.filter(link => link.network === network && !link.local),
        sums = new Float64Array(bins);
      for (const link of links)
        for (let i = link.from; i < link.to && this.model.taken[i] < this.model.end; i++)
          sums[Math.floor(((this.model.taken[i] - this.model.first) / this.model.cycles) * bins)]++;
      const room = Math.max(1, (links.length * this.model.cycles) / bins);
      return {network, shares: sums.map(sum => sum / room)};
    });
    return this.shares;
  }

  render() {
    const {state, model, canvas} = this,
      context = fitted(canvas),
      {width} = this,
      bins = Math.max(1, Math.min(Math.floor(width / 2), model.cycles));
    const profile = this.profile(bins),
      most = Math.max(0.001, ...profile.map(({shares}) => shares.reduce((a, b) => Math.max(a, b), 0)));
    profile.forEach(({network, shares}, row) => {
      const base = (row + 1) * (STRIP + 2) - 1;
      context.fillStyle = theme.faint;
      context.fillRect(MARGIN, base, width, 1);
      context.fillStyle = NETWORK_COLOURS[network];
      shares.forEach((share, bin) => {
        if (share)
          context.fillRect(
            MARGIN + (bin * width) / bins,
            base - (share / most) * STRIP,
            width / bins + 0.5,
            (share / most) * STRIP,
          );
      });
    });
    context.fillStyle = theme.page;
    context.globalAlpha = 0.6;
    context.fillRect(MARGIN, 0, this.x(state.from) - MARGIN, 46);
    context.fillRect(this.x(state.to), 0, width, 46);
    context.globalAlpha = 1;
    context.fillStyle = theme.bad;
    for (const x of new Set(model.problems.map(problem => Math.round(this.x(problem.cycle + 0.5)))))
      context.fillRect(x - 1, 39, 3, 7);
    context.strokeStyle = theme.accent;
    context.strokeRect(this.x(state.from) + 0.5, 0.5, Math.max(2, this.x(state.to) - this.x(state.from) - 1), 45);
    context.fillStyle = theme.cursor;
    context.fillRect(Math.round(this.x(state.cursor + 0.5)) - 0.5, 0, 1.5, 46);
    profile.forEach(({network}, row) => {
      write(context, network, MARGIN - 7, row * (STRIP + 2) + 8, {align: "right"});
    });
    this.texts();
  }

  texts() {
    const {state, model, slider, input, canvas} = this;
    slider.value = state.cursor;
    slider.setAttribute("aria-valuetext", `cycle ${state.cursor}`);
    if (document.activeElement !== input || Number(input.value) !== state.cursor) input.value = state.cursor;
    const shown = Math.round(state.to) - Math.round(state.from);
    document.getElementById("window").textContent =
      `visible: ${number(state.from)} – ${number(state.to - 1)} (${count(shown, "cycle")})`;
    const flying = model.links.reduce((sum, link) => sum + (model.flitAt(link, state.cursor) >= 0), 0);
    const moving = model.links.reduce((sum, link) => {
      const i = model.flitAt(link, state.cursor);
      return sum + (i >= 0 && model.taken[i] === state.cursor);
    }, 0);
    document.getElementById("cursor").textContent =
      `at cycle ${number(state.cursor)}: ${count(flying, "flit")} on links, ` +
      `${number(moving)} moving, ${number(flying - moving)} waiting`;
    canvas.setAttribute("aria-label", `flits a cycle by network over cycles ${model.first} to ${model.last}`);
  }
}
