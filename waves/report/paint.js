// Colours, numbers, canvases, the tooltip.

const dark = matchMedia("(prefers-color-scheme: dark)");

// Categories after Okabe and Ito, told apart by colour-blind readers; heat grows darker (on dark, lighter) all along.
const CLASS_COLOURS = ["#0072b2", "#56b4e9", "#009e73", "#e3d62f", "#e69f00", "#d55e00", "#cc79a7", "#7b4fa3", "#888888"];
const CAUSE_COLOURS = {operand: "#b3122d", drain: "#c26a00", network: "#a3459b", l1: "#7d6a1a", semaphore: "#a3adb9"};
const NETWORK_COLOURS = {data: "#0072b2", request: "#009e73", reduce: "#cc6699"};
const FLIT_COLOURS = {
  write: ["#0072b2", "data write"],
  program: ["#56b4e9", "program"],
  signal: ["#b8a300", "signal"],
  read: ["#009e73", "read request"],
  store: ["#7b4fa3", "HBM write"],
  sum: ["#cc6699", "reduce sum"],
  max: ["#d55e00", "reduce max"],
};
const TAG_COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7b4fa3", "#b8a300"];
const HEAT = {
  light: [
    [232, 236, 241],
    [253, 221, 160],
    [243, 156, 70],
    [203, 76, 45],
    [110, 22, 30],
  ],
  dark: [
    [38, 45, 54],
    [88, 46, 32],
    [172, 82, 32],
    [240, 164, 66],
    [255, 243, 190],
  ],
};

function ramp(share) {
  const stops = HEAT[dark.matches ? "dark" : "light"],
    at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2),
    part = at - low;
  return stops[low].map((value, i) => Math.round(value + (stops[low + 1][i] - value) * part));
}
// Light use must be seen too: the ramp is by the square root.
const heat = share => `rgb(${ramp(Math.sqrt(share)).join(",")})`;

function themed() {
  const style = getComputedStyle(document.documentElement);
  const theme = Object.fromEntries(
    ["page", "card", "ink", "soft", "line", "faint", "accent", "cursor", "good", "bad"].map(name => [
      name,
      style.getPropertyValue("--" + name).trim(),
    ]),
  );
  const night = dark.matches;
  theme.states = night
    ? {
        boot: "#20262d",
        fetch: "#5a6572",
        wait0: "#39424d",
        wait1: "#39424d",
        engine: "#4a5561",
        drain: "#4d4658",
        halted: "#161b20",
        error: "#ff5c6c",
      }
    : {
        boot: "#eceff3",
        fetch: "#b4bdc8",
        wait0: "#dfe4ea",
        wait1: "#dfe4ea",
        engine: "#c9d0d8",
        drain: "#d4cfde",
        halted: "#f7f8fa",
        error: "#c8102e",
      };
  return theme;
}
let theme = themed();

const STATE_NAMES = {
  fetch: "fetch",
  wait0: "semaphore wait",
  engine: "engine not ready",
  drain: "drain before sync",
  halted: "halted",
  boot: "boot",
};
// Fits a canvas to its place and returns its context, in CSS pixels.
function fitted(canvas, height) {
  const scale = devicePixelRatio || 1,
    width = canvas.clientWidth,
    tall = height || canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(tall * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(tall * scale);
    if (height) canvas.style.height = height + "px";
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, tall);
  context.font = FONT;
  return context;
}
const FONT = '11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const SMALL = '9.5px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';

function write(context, text, x, y, {colour = theme.soft, align = "left", base = "middle", font = FONT} = {}) {
  context.font = font;
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = base;
  context.fillText(text, x, y);
}

// Black or white, whichever can be read on a colour #rrggbb.
function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16));
  return 0.3 * r + 0.59 * g + 0.11 * b > 128 ? "#111820" : "#ffffff";
}

// The first of some texts that fits.
function fitting(context, width, font, ...texts) {
  context.font = font;
  return texts.find(text => context.measureText(text).width <= width) || "";
}

// Distance of round numbers so that labels `room` pixels wide do not touch.
function ticks(from, to, pixels, room = 84) {
  const rough = ((to - from) * room) / Math.max(pixels, 1),
    power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = Math.max(1, [1, 2, 5, 10].map(n => n * power).find(n => n >= rough) || 1);
  const found = [];
  for (let at = Math.ceil(from / step) * step; at < to; at += step) found.push(at);
  return found;
}

const tip = {
  show(text, event) {
    const box = document.getElementById("tip");
    box.hidden = !text;
    if (!text) return;
    box.textContent = text;
    const {width, height} = box.getBoundingClientRect();
    box.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8)) + "px";
    box.style.top = (event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18) + "px";
  },
  hide() {
    document.getElementById("tip").hidden = true;
  },
};

// Legend entries: [colour, text, class].
function legend(element, entries) {
  element.replaceChildren(
    ...entries.map(([colour, text, shape = ""]) => {
      const entry = document.createElement("span");
      if (colour) {
        const mark = document.createElement("i");
        mark.className = shape;
        mark.style.background = mark.style.borderColor = colour;
        entry.append(mark);
      }
      entry.append(text);
      return entry;
    }),
  );
}
const heatGradient = () =>
  `linear-gradient(90deg, ${[0, 0.0625, 0.25, 0.5625, 1].map((s, i) => `${heat(s)} ${25 * i}%`).join(", ")})`;
