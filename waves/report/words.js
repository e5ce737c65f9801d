// Numbers, and what is said of flits, instructions and transfers.

const number = value => (Number.isFinite(value) ? Math.round(value).toLocaleString("en-US") : "–");
const ratio = value => (Number.isFinite(value) ? value.toFixed(2) : "–");
const percent = share => (100 * share).toFixed(share < 0.0995 ? 1 : 0) + " %";
const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

function flitKind(network, flit) {
  if (network === "data") return ["write", "program", "signal"][flit.kind] || "write";
  if (network === "request") return flit.write === 1 ? "store" : "read";
  return flit.op === 1 ? "max" : "sum";
}

function flitText(link, flit, model) {
  const kind = FLIT_COLOURS[flitKind(link.network, flit)][1],
    transfer = model.transferOf(flit);
  const lines = [
    `${kind} · tag ${flit.tag}${transfer ? ` · transfer #${transfer.number} ${transfer.what}` : ""}`,
    `link ${link.network} ${link.name}`,
    `rectangle (${flit.x0},${flit.y0})–(${flit.x1},${flit.y1})`,
    `address 0x${flit.addr.toString(16)}`,
  ];
  if (flit.seq >= 0) lines.push(`word ${flit.seq} · root (${flit.root_x},${flit.root_y})${flit.turn ? " · turns" : ""}`);
  if (flit.rows > 0) lines.push(`${flit.rows} × ${flit.words} words asked`);
  if (flit.bump) lines.push(`bumps semaphore ${flit.sem}`);
  lines.push(
    flit.taken < model.end
      ? `offered ${number(flit.offered)}, taken ${number(flit.taken)}`
      : `offered ${number(flit.offered)}, not taken in the window`,
  );
  return lines.join("\n");
}

// Whether an engine's instructions are transfers.
const hasTag = engine => engine.queue === "load" || engine.queue === "out";

// What is known of an instruction, in lines.
function itemText(model, engine, item) {
  const known = item.issued >= 0 && item.done >= 0;
  const issued = item.issued < 0 ? "before the window" : number(item.issued);
  const done = item.done < 0 ? "after the window" : number(item.done);
  const lines = [
    `${item.name} · slot ${item.slot}${hasTag(engine) ? ` · tag ${item.tag} · ${item.rows} × ${item.words} words` : ""}`,
  ];
  lines.push(`issued ${issued}, done ${done}${known ? ` (${count(item.done - item.issued + 1, "cycle")})` : ""}`);
  if (engine.active.to - engine.active.from > 1) {
    const share = engine.active.held(item.begin, item.end, value => value) / Math.max(1, item.end - item.begin);
    lines.push(`datapath moves in ${percent(share)} of its cycles`);
  }
  const lost = model.causes
    .map((name, bit) => [name, engine.stall.held(item.begin, item.end, value => (value >> bit) & 1)])
    .filter(([name, cycles]) => cycles && name !== "semaphore");
  if (lost.length) lines.push(`stalls: ${lost.map(([name, cycles]) => `${name} ${number(cycles)}`).join(", ")} cycles`);
  return lines.join("\n");
}

// A transfer in a line.
function transferText(transfer) {
  const {root} = transfer;
  let result = transfer.problems ? `not whole: ${count(transfer.problems, "problem")}` : "not all of it is in the window";
  if (transfer.whole)
    result =
      `latency ${number(transfer.latency)}` +
      (transfer.bound ? ` / bound ${number(transfer.bound)} = ${ratio(transfer.ratio)}` : " cycles");
  const waits = [
    ["fork", transfer.forkWait],
    ["join", transfer.joinWait],
    ["blocked", transfer.blocked],
  ];
  return [
    `#${transfer.number} ${transfer.what}`,
    `tag ${transfer.tag}`,
    `root (${root.x},${root.y})`,
    transfer.rectangle,
    count(transfer.words, "word"),
    result,
    `waits: ${waits.map(([name, cycles]) => `${name} ${number(cycles)}`).join(", ")}`,
  ].join(" · ");
}
