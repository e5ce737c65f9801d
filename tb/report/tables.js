// Tables of transfers and problems. Only the rows in sight are in the document.

const ROW = 22;
const COLUMNS = [
  ["#", t => t.number], ["tag", t => t.tag], ["kind", t => t.kind + (t.collective && !t.op ? " multicast" : ""), "text"], ["op", t => t.op || "–", "text"], ["root", t => `(${t.root.x},${t.root.y})`, "text"], ["rectangle", t => t.rectangle, "text"],
  ["words", t => t.words], ["bytes", t => t.bytes], ["issued", t => t.first], ["last issue", t => t.issued], ["first flit", t => t.firstFlit], ["last flit", t => t.end], ["latency, cycles", t => t.latency], ["bound", t => t.bound],
  ["ratio", t => t.ratio, "ratio"], ["fork waits", t => t.forkWait], ["join waits", t => t.joinWait], ["blocked", t => t.blocked]];

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
      tab.addEventListener("click", () => { this.table = tab.dataset.table; this.fill(); });
    }
    this.box.addEventListener("scroll", () => this.rows());
    this.box.addEventListener("click", event => this.click(event));
    if (!this.model.transfers.some(t => t.collective)) document.getElementById("all").checked = true;
    this.fill();
  }

  fill() {
    for (const tab of document.querySelectorAll("[data-table]")) tab.setAttribute("aria-selected", tab.dataset.table === this.table);
    document.getElementById("filters").hidden = this.table === "problems";
    this.box.scrollTop = 0;
    this.body = null;
    if (this.table === "problems") return this.problems();
    this.found = this.sorted(this.filtered());
    const collectives = this.model.transfers.filter(t => t.collective).length;
    document.getElementById("count").textContent = `${number(this.found.length)} shown of ${count(collectives, "collective")}, ${count(this.model.transfers.length, "transfer")}`;
    const head = COLUMNS.map(([name, , kind], i) => {
      const arrow = this.sort.column === i ? (this.sort.down ? " ↓" : " ↑") : "", order = this.sort.column === i ? (this.sort.down ? "descending" : "ascending") : "none";
      return `<th class="${kind === "text" ? "text" : ""}" aria-sort="${order}"><button data-sort="${i}">${name}${arrow}</button></th>`;
    });
    this.box.innerHTML = `<table aria-label="collectives"><thead><tr>${head.join("")}</tr></thead><tbody></tbody></table>`;
    this.body = this.box.querySelector("tbody");
    this.rows();
  }

  filtered() {
    const text = document.getElementById("filter").value.trim().toLowerCase(), kind = document.getElementById("kind").value, all = document.getElementById("all").checked;
    const tag = text.match(/\btag\s*(\d+)/), words = text.replace(/\btag\s*\d+/, "").split(/\s+/).filter(Boolean);
    return this.model.transfers.filter(t => {
      if (!all && !t.collective || kind && t.kind !== kind || tag && t.tag !== Number(tag[1])) return false;
      const line = `#${t.number} ${t.what} ${t.tag} (${t.root.x},${t.root.y}) ${t.rectangle}`.toLowerCase();
      return words.every(word => line.includes(word));
    });
  }

  sorted(found) {
    const value = COLUMNS[this.sort.column][1], way = this.sort.down ? -1 : 1, last = v => Number.isNaN(v);
    return found.sort((a, b) => {
      const x = value(a), y = value(b);
      if (last(x) || last(y)) return last(x) - last(y);
      return way * (x < y ? -1 : x > y ? 1 : 0);
    });
  }

  // The rows in sight, between two empty ones that keep the height.
  rows() {
    if (!this.body) return;
    const from = Math.max(0, Math.floor(this.box.scrollTop / ROW) - 5), to = Math.min(this.found.length, from + Math.ceil(this.box.clientHeight / ROW) + 12);
    const space = height => height > 0 ? `<tr aria-hidden="true"><td colspan="${COLUMNS.length}" style="height:${height}px;border:0"></td></tr>` : "";
    const cells = transfer => COLUMNS.map(([, value, kind]) => `<td class="${kind === "text" ? "text" : ""}">${kind === "text" ? value(transfer) : kind === "ratio" ? ratio(value(transfer)) : number(value(transfer))}</td>`).join("");
    const lines = this.found.slice(from, to).map(t => `<tr data-row="${t.number}" aria-selected="${t.number === this.state.collective}">${cells(t)}</tr>`);
    this.body.innerHTML = space(from * ROW) + lines.join("") + space((this.found.length - to) * ROW);
  }

  problems() {
    const {problems} = this.model;
    document.getElementById("count").textContent = count(problems.length, "problem");
    if (!problems.length) {
      const fine = document.createElement("p");
      fine.className = "fine";
      fine.textContent = `✓ no problems: all ${count(this.model.transfers.length, "transfer")} are as they should be`;
      return this.box.replaceChildren(fine);
    }
    this.box.innerHTML = '<table aria-label="problems"><thead><tr><th>cycle</th><th>tile</th><th>transfer</th><th class="text">what</th></tr></thead><tbody></tbody></table>';
    this.box.querySelector("tbody").append(...problems.map(problem => {
      const row = document.createElement("tr"), known = this.model.byNumber.has(problem.collective), link = document.createElement("a");
      link.href = `#cycle=${problem.cycle}${known ? `&collective=${problem.collective}&view=spacetime` : `&view=gantt&tile=${problem.x},${problem.y}`}`;
      link.textContent = number(problem.cycle);
      const texts = [link, `(${problem.x},${problem.y})`, known ? `#${problem.collective}` : "–", problem.what];
      row.append(...texts.map((text, i) => { const cell = document.createElement("td"); cell.className = i === 3 ? "text wide" : ""; cell.append(text); return cell; }));
      return row;
    }));
  }

  click(event) {
    const head = event.target.closest("[data-sort]"), row = event.target.closest("[data-row]");
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
    if (this.marked === this.state.collective || !this.body) return;
    this.marked = this.state.collective;
    const at = this.found.findIndex(t => t.number === this.marked) * ROW;
    if (at >= 0 && (at < this.box.scrollTop || at > this.box.scrollTop + this.box.clientHeight - 2 * ROW)) this.box.scrollTop = at - ROW;
    this.rows();
  }
}
