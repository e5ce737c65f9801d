// Decodes the data, puts the views together, and keeps them together.

function facts(model) {
  const {columns, rows, word_bytes, fifo_depth, adder_stages, hbm_latency, hbm_bytes_per_cycle, channels} = model.facts;
  const collectives = model.transfers.filter(t => t.collective),
    whole = collectives.filter(t => Number.isFinite(t.ratio));
  const mean = whole.reduce((sum, t) => sum + t.ratio, 0) / whole.length,
    problems = model.problems.length;
  const entries = [
    ["cycles", `${number(model.first)} – ${number(model.last)}${model.finished ? " (end)" : ""}`],
    ["tiles", `${columns} × ${rows}`],
    ["flits", number(model.flits)],
    ["transfers", number(model.transfers.length)],
    ["collectives", number(collectives.length)],
    ["latency/bound", ratio(mean)],
    ["problems", number(problems), problems ? "bad" : "good"],
    ["words of", `${word_bytes} bytes`],
    ["FIFOs of", `${fifo_depth} flits`],
    ["adder", count(adder_stages, "stage")],
    ["HBM", `${channels.length} × ${hbm_bytes_per_cycle} bytes/cycle after ${count(hbm_latency, "cycle")}`],
  ];
  document.getElementById("facts").replaceChildren(
    ...entries.map(([name, value, kind]) => {
      const entry = document.createElement("div"),
        term = document.createElement("dt"),
        data = document.createElement("dd");
      [term.textContent, data.textContent, data.className] = [name, value, kind || ""];
      entry.append(term, data);
      return entry;
    }),
  );
}

function keys(state) {
  addEventListener("keydown", event => {
    if (
      (event.target.closest("input, select, textarea") && !["checkbox", "range"].includes(event.target.type)) ||
      event.altKey ||
      event.ctrlKey ||
      event.metaKey
    )
      return;
    const way = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (way) state.go(state.cursor + way * (event.shiftKey ? 10 : 1));
    else if (event.key === "Home") state.go(state.model.first);
    else if (event.key === "End") state.go(state.model.last);
    else if (event.key === "+" || event.key === "-") state.zoom(event.key === "+" ? 0.5 : 2, state.cursor);
    else return;
    event.preventDefault();
  });
}

async function start() {
  const index = JSON.parse(document.getElementById("index").textContent),
    columns = {};
  const elements = [...document.querySelectorAll("[data-column]")];
  await Promise.all(
    elements.map(async element => {
      columns[element.dataset.column] = await column(element);
    }),
  );
  const model = new Model(index, columns),
    state = new State(model);
  facts(model);
  const mesh = new MeshView(state),
    bar = new TimeBar(state),
    tables = new Tables(state);
  const views = {spacetime: new SpaceTimeView(state), gantt: new GanttView(state), links: new LinksView(state)};
  const tabs = [...document.querySelectorAll("[data-view][role=tab]")];
  for (const tab of tabs) tab.addEventListener("click", () => state.set({view: tab.dataset.view}));
  const render = () => {
    const begun = performance.now();
    document.body.dataset.view = state.view;
    for (const tab of tabs) tab.setAttribute("aria-selected", tab.dataset.view === state.view);
    for (const name in views) views[name].section.hidden = name !== state.view;
    bar.render();
    if (mesh.canvas.clientWidth) mesh.render();
    if (views[state.view]) views[state.view].render();
    tables.render();
    document.body.dataset.milliseconds = (performance.now() - begun).toFixed(1);
  };
  state.listen(render);
  keys(state);
  new ResizeObserver(() => {
    state.set({});
    tables.rows();
  }).observe(document.querySelector("main"));
  dark.addEventListener("change", () => {
    theme = themed();
    views.gantt.legends();
    state.set({});
  });
  state.set({});
  document.body.setAttribute("aria-busy", "false");
}

start().catch(error => {
  const box = document.getElementById("failure");
  box.hidden = false;
  box.textContent = `This page cannot be shown: ${error.message}`;
  throw error;
});
