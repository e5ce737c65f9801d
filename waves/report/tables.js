// Tables of transfers and problems. Only the rows in sight are in the document.

const ROW = {collectives: 22, problems: 38};
const COLUMNS = [
  ["#", t => t.number],
  ["tag", t => t.tag],
  ["kind", t => t.kind + (t.collective && !t.op ? " multicast" : ""), "text"],
  ["op", t => t.op || "–", "text"],
  ["root", t => `(${t.root.x},${t.root.y})`, "text"],
  ["rectangle", t => t.rectangle, "text"],
  ["words", t => t.words],
  ["bytes", t => t.bytes],
  ["issued", t => t.first],
  ["last issue", t => t.issued],
  ["first flit", t => t.firstFlit],
  ["last flit", t => t.until],
  ["latency, cycles", t => t.latency],
  ["bound", t => t.bound],
  ["ratio", t => t.ratio, "ratio"],
  ["fork waits", t => t.forkWait],
  ["join waits", t => t.joinWait],
  ["blocked", t => t.blocked],
];

function element(name, kind, ...content) {
  const made = document.createElement(name);
  made.className = kind;
  made.append(...content);
  return made;
}

class Tables {
  constructor(state) {
    this.state = state;
    this.model = state.model;
    this.box = document.getElementById("table");
    this.sort = {column: 0, down: false};
    this.table = this.model.problems.length ? "problems" : "collectives";
    const kinds = [...new Set(this.model.transfers.map(t => t.kind))];
    document.getElementById("kind").replaceChildren(new Option("all", ""), ...kinds.map(kind => new Option(kind)));
    for (const id of ["filter", "kind", "all"]) document.getElementById(id).addEventListener("input", () => this.fill());
    for (const tab of document.querySelectorAll("[data-table]")) {
      if (tab.dataset.table === "problems") tab.textContent = `Problems (${this.model.problems.length})`;
      tab.addEventListener("click", () => {
        this.table = tab.dataset.table;
        this.fill();
      });
    }
    this.box.addEventListener("scroll", () => this.rows());
    this.box.addEventListener("click", event => this.click(event));
    if (!this.model.transfers.some(t => t.collective)) document.getElementById("all").checked = true;
    this.fill();
  }

  fill() {
    for (const tab of document.querySelectorAll("[data-table]"))
      tab.setAttribute("aria-selected", tab.dataset.table === this.table);
    document.getElementById("filters").hidden = this.table === "problems";
    this.box.scrollTop = 0;
    if (this.table === "problems") this.problems();
    else this.collectives();
    this.rows();
  }

  // An empty table; heads are [class, content].
  head(label, heads) {
    const table = element("table", ""),
      line = element("tr", ""),
      top = element("thead", "", line);
    table.setAttribute("aria-label", label);
    line.append(...heads.map(([kind, content]) => element("th", kind, content)));
    this.body = element("tbody", "");
    table.append(top, this.body);
    this.box.replaceChildren(table);
    this.width = heads.length;
    return line;
  }

  collectives() {
    this.found = this.sorted(this.filtered());
    const collectives = this.model.transfers.filter(t => t.collective).length;
    document.getElementById("count").textContent =
      `${number(this.found.length)} shown of ${count(collectives, "collective")}, ` +
      count(this.model.transfers.length, "transfer");
    const line = this.head(
      "collectives",
      COLUMNS.map(([name, , kind], i) => {
        const button = element("button", "", name + (this.sort.column === i ? (this.sort.down ? " ↓" : " ↑") : ""));
        button.dataset.sort = i;
        return [kind === "text" ? "text" : "", button];
      }),
    );
    line.children[this.sort.column].setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
    this.line = transfer => {
      const row = element(
        "tr",
        "",
        ...COLUMNS.map(([, value, kind]) =>
          element(
            "td",
            kind === "text" ? "text" : "",
            kind === "text" ? value(transfer) : kind === "ratio" ? ratio(value(transfer)) : number(value(transfer)),
          ),
        ),
      );
      if (transfer.problems) row.firstChild.className = "bad";
      row.dataset.row = transfer.number;
      row.setAttribute("aria-selected", transfer.number === this.state.collective);
      return row;
    };
  }

  filtered() {
    const text = document.getElementById("filter").value.trim().toLowerCase(),
      kind = document.getElementById("kind").value,
      all = document.getElementById("all").checked;
    const tag = text.match(/\btag\s*(\d+)/),
      words = text
        .replace(/\btag\s*\d+/, "")
        .split(/\s+/)
        .filter(Boolean);
    return this.model.transfers.filter(t => {
      if ((!all && !t.collective) || (kind && t.kind !== kind) || (tag && t.tag !== Number(tag[1]))) return false;
      const line = `#${t.number} ${t.what} ${t.tag} (${t.root.x},${t.root.y}) ${t.rectangle}`.toLowerCase();
      return words.every(word => line.includes(word));
    });
  }

  sorted(found) {
    const value = COLUMNS[this.sort.column][1],
      way = this.sort.down ? -1 : 1,
      last = v => Number.isNaN(v);
    return found.sort((a, b) => {
      const x = value(a),
        y = value(b);
      if (last(x) || last(y)) return last(x) - last(y);
      return way * (x < y ? -1 : x > y ? 1 : 0);
    });
  }

  // The rows in sight, between two empty ones that keep the height.
  rows() {
    if (!this.body) return;
    const tall = ROW[this.table],
      from = Math.max(0, Math.floor(this.box.scrollTop / tall) - 5),
      to = Math.min(this.found.length, from + Math.ceil(this.box.clientHeight / tall) + 12);
    const space = height => {
      const cell = element("td", ""),
        row = element("tr", "", cell);
      cell.colSpan = this.width;
      cell.style.cssText = `height:${height}px;border:0;padding:0`;
      row.setAttribute("aria-hidden", "true");
      return height > 0 ? [row] : [];
    };
    this.body.replaceChildren(
      ...space(from * tall),
      ...this.found.slice(from, to).map(this.line),
      ...space((this.found.length - to) * tall),
    );
  }

  problems() {
    const {problems} = this.model;
    this.body = null;
    document.getElementById("count").textContent = count(problems.length, "problem");
    if (!problems.length)
      return this.box.replaceChildren(
        element("p", "fine", `✓ no problems: all ${count(this.model.transfers.length, "transfer")} are as they should be`),
      );
    this.found = problems;
    this.head("problems", [
      ["", "cycle"],
      ["", "tile"],
      ["", "transfer"],
      ["text", "what"],
    ]);
    this.line = problem => {
      const known = this.model.byNumber.has(problem.collective),
        link = element("a", "", number(problem.cycle));
      const where = known ? `collective=${problem.collective}&view=spacetime` : `view=gantt&tile=${problem.x},${problem.y}`;
      link.href = `#cycle=${problem.cycle}&${where}`;
      const what = element("td", "text wide", element("div", "", problem.what));
      what.title = problem.what;
      return element(
        "tr",
        "",
        element("td", "", link),
        element("td", "", `(${problem.x},${problem.y})`),
        element("td", "", known ? `#${problem.collective}` : "–"),
        what,
      );
    };
  }

  click(event) {
    const head = event.target.closest("[data-sort]"),
      row = event.target.closest("[data-row]");
    if (head) {
      const column = Number(head.dataset.sort);
      this.sort = {column, down: this.sort.column === column && !this.sort.down};
      this.fill();
    } else if (row) {
      this.state.select(Number(row.dataset.row));
      if (this.state.view === "mesh") this.state.set({view: "spacetime"});
    }
  }

  // Marks the chosen transfer, and brings it into sight when it was chosen elsewhere.
  render() {
    if (this.marked === this.state.collective || this.table === "problems") return;
    this.marked = this.state.collective;
    const at = this.found.findIndex(t => t.number === this.marked) * ROW.collectives;
    if (at >= 0 && (at < this.box.scrollTop || at > this.box.scrollTop + this.box.clientHeight - 2 * ROW.collectives))
      this.box.scrollTop = at - ROW.collectives;
    this.rows();
  }
}
