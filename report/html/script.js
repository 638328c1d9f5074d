"use strict";
(() => {
  const root = document.documentElement;
  const byId = id => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  root.classList.add("scripted");

  // element makes an element. Texts come from certificates and files: they are
  // only ever appended as text.
  function element(name, properties, ...children) {
    const e = Object.assign(document.createElement(name), properties);
    e.append(...children);
    return e;
  }

  // Theme: the reader's choice outweighs that of the system.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
  function labelTheme() {
    byId("theme").textContent = isDark() ? "Light theme" : "Dark theme";
  }
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    labelTheme();
  });
  dark.addEventListener("change", labelTheme);
  labelTheme();

  // Copying: where the clipboard may not be written, the text is left selected.
  async function copy(pre) {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(pre);
      return document.execCommand("copy");
    }
  }
  function addCopyButton(remedy) {
    remedy.append(element("button", {type: "button", className: "copy"}, "Copy"));
  }
  document.querySelectorAll(".remedy").forEach(addCopyButton);
  document.addEventListener("click", async event => {
    const button = event.target.closest(".copy");
    if (!button) return;
    const done = await copy(button.parentElement.querySelector("pre"));
    button.textContent = done ? "Copied" : "Selected: press Ctrl+C";
  });

  // Printing shows everything that is folded.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach(d => d.open = true);
  });
  addEventListener("afterprint", () => folded.forEach(d => d.open = false));

  const table = byId("table");
  if (!table) return;
  const body = table.tBodies[0];
  const width = table.tHead.rows[0].cells.length;
  const fieldOf = title => data.fields.indexOf(title);
  const rows = [...body.rows].map((tr, id) => ({tr, id, of: data.certificates[id], detail: null, text: ""}));
  const rowOf = new Map(rows.map(row => [row.tr, row]));
  const texts = (row, field) => row.of.v[field].map(i => data.strings[i]);
  const findingsOf = row => row.of.p < 0 ? [] : data.places[row.of.p];

  // Rows open to what is known of the certificate.
  for (const row of rows) {
    const label = row.tr.querySelector(".c-component span");
    const button = element("button", {type: "button", className: "toggle"}, label.textContent);
    button.setAttribute("aria-expanded", "false");
    label.replaceWith(button);
  }
  body.addEventListener("click", event => {
    const row = rowOf.get(event.target.closest("tr"));
    if (row && (event.target.closest(".toggle") || getSelection().isCollapsed)) open(row, !isOpen(row));
  });

  const isOpen = row => row.detail !== null && row.detail.isConnected;

  function open(row, on) {
    if (on === isOpen(row)) return;
    const button = row.tr.querySelector(".toggle");
    button.setAttribute("aria-expanded", String(on));
    if (!on) {
      row.detail.remove();
      return;
    }
    row.detail ??= detail(row);
    button.setAttribute("aria-controls", row.detail.id);
    row.tr.after(row.detail);
  }

  function detail(row) {
    const panel = element("div", {className: "panel"}, certificate(row));
    if (row.of.s >= 0) panel.append(requirements(row));
    const findings = findingsOf(row);
    if (findings.length > 0) panel.append(element("section", {className: "about"}, element("h3", {}, "Findings"), ...findings.slice(0, 100).map(copyFinding)));
    return element("tr", {id: "detail-" + row.id, className: "detail"}, element("td", {colSpan: width}, panel));
  }

  function certificate(row) {
    const list = element("dl");
    data.fields.forEach((title, field) => {
      const values = texts(row, field);
      if (values.length === 0) return;
      const dd = element("dd");
      values.forEach(v => dd.append(element("span", {}, v), " "));
      list.append(element("div", {}, element("dt", {}, title), dd));
    });
    return element("section", {}, element("h3", {}, "Certificate"), list);
  }

  // requirements holds what is expected against what was found. It repeats what
  // the findings say; beyond them it only says which values are plainly there.
  function requirements(row) {
    const tbody = element("tbody");
    const node = texts(row, fieldOf("Node")).join();
    const asked = data.sets[row.of.s].map(requirement => {
      const fact = data.facts[requirement.fact];
      const wanted = requirement.values.map(i => data.strings[i].replace("{nodeName}", () => node));
      const found = texts(row, fieldOf(fact.field));
      return {requirement, fact, wanted, found, there: wanted.filter(v => found.includes(v))};
    });
    asked.forEach(({requirement, fact, wanted, found, there}, i) => {
      const tr = element("tr", {},
        cell("th", "Fact", element("span", {}, fact.label), element("small", {}, " " + fact.rule)),
        cell("td", "Expected", ...valueList(wanted, there)));
      // What is found is shown once for neighbours that are about the same field.
      if (i === 0 || asked[i - 1].fact.field !== fact.field) {
        let next = i;
        while (next < asked.length && asked[next].fact.field === fact.field) next++;
        const td = cell("td", "Found", ...valueList(found, asked.slice(i, next).flatMap(a => a.there)));
        td.rowSpan = next - i;
        tr.append(td);
      }
      tr.append(cell("td", "Verdict", ...verdict(row, requirement, wanted, there)), cell("td", "Source", data.strings[requirement.source]));
      tbody.append(tr);
    });
    const head = element("thead", {}, element("tr", {}, ...["Fact", "Expected", "Found", "Verdict", "Source"].map(t => element("th", {scope: "col"}, t))));
    return element("section", {}, element("h3", {}, "Required of " + texts(row, fieldOf("Role")).join()),
      element("table", {className: "plain facts"}, head, tbody),
      element("p", {className: "muted"}, "A word in braces stands for a fact of the node that this page does not hold."));
  }

  function cell(name, title, ...children) {
    const e = element(name, {}, ...children);
    e.dataset.of = title;
    return e;
  }

  function valueList(values, there) {
    if (values.length === 0) return [element("span", {className: "muted"}, "none")];
    return values.flatMap(v => [element("span", {className: there.includes(v) ? "value there" : "value"}, v), " "]);
  }

  function verdict(row, requirement, wanted, there) {
    const fact = data.facts[requirement.fact];
    const about = findingsOf(row).map(i => data.findings[i].map(s => data.strings[s])).filter(([check]) => fact.checks.includes(check));
    const exact = about.filter(([, , reference]) => reference === data.strings[requirement.source]);
    if (exact.length > 0) return exact.flatMap(([check, severity]) => [element("span", {className: "badge " + severity}, severity), " " + check + " "]);
    if (fact.all && there.length === wanted.length || fact.any && there.length > 0) return [element("span", {className: "badge ok"}, "found")];
    if (about.length > 0) return ["see " + about[0][0]];
    const partial = data.partial[texts(row, fieldOf("Node")).join()] ?? [];
    return [partial.includes(requirement.fact) ? "no finding, perhaps not judged" : "no finding"];
  }

  function copyFinding(id) {
    const article = byId("finding-" + id).cloneNode(true);
    article.removeAttribute("id");
    const [check, severity] = data.findings[id].map(i => data.strings[i]);
    article.querySelector(".where").replaceChildren(element("span", {className: "badge " + severity}, severity), " ", element("strong", {}, check));
    return article;
  }

  // Sorting: a header is a button; a second press turns the order round.
  const collator = new Intl.Collator("en", {numeric: true});
  const keys = {
    "Status": row => -row.of.r,
    "Not after": row => row.of.t || Infinity,
  };
  const order = (a, b) => typeof a === "number" ? (a < b ? -1 : a > b ? 1 : 0) : collator.compare(a, b);
  for (const th of table.tHead.rows[0].cells) {
    th.replaceChildren(element("button", {type: "button"}, th.textContent));
    th.addEventListener("click", () => sort(th));
  }

  function sort(th) {
    const down = th.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    const title = th.dataset.sort;
    const key = keys[title] ?? (row => texts(row, fieldOf(title)).join(" "));
    const sign = down ? -1 : 1;
    const keyed = rows.map(row => ({row, key: key(row)}));
    keyed.sort((a, b) => sign * order(a.key, b.key) || a.row.id - b.row.id);
    const sorted = new DocumentFragment();
    for (const {row} of keyed) {
      const wasOpen = isOpen(row);
      sorted.append(row.tr);
      if (wasOpen) sorted.append(row.detail);
    }
    body.append(sorted);
  }

  // Filtering: every word has to be somewhere in what is known of a certificate.
  const find = byId("find"), severity = byId("severity"), status = byId("status");
  const statuses = new Map();
  for (const row of rows) {
    const s = texts(row, fieldOf("Status")).join();
    statuses.set(s, (statuses.get(s) ?? 0) + 1);
  }
  for (const s of [...statuses.keys()].sort()) status.append(element("option", {value: s}, s + " (" + statuses.get(s) + ")"));

  const haystack = row => row.text ||= row.of.v.flat().map(i => data.strings[i]).join("\n").toLowerCase();
  const severities = row => findingsOf(row).map(i => data.strings[data.findings[i][1]]);
  const hasSeverity = row => severity.value === "" ||
    (severity.value === "ok" ? row.tr.className === "ok" : severities(row).includes(severity.value));
  const hasStatus = row => status.value === "" || texts(row, fieldOf("Status")).join() === status.value;

  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const show = hasSeverity(row) && hasStatus(row) && words.every(w => haystack(row).includes(w));
      if (row.tr.hidden === show) row.tr.hidden = !show;
      if (row.detail) row.detail.hidden = !show;
      if (show) shown++;
    }
    byId("shown").textContent = shown + " of " + rows.length;
    byId("nothing").hidden = shown > 0;
  }
  find.addEventListener("input", filter);
  severity.addEventListener("change", filter);
  status.addEventListener("change", filter);

  function showOnly(text) {
    find.value = text;
    severity.value = status.value = "";
    filter();
  }
  byId("clear").addEventListener("click", () => showOnly(""));
  document.addEventListener("click", event => {
    const link = event.target.closest("[data-filter]");
    if (link) showOnly(link.dataset.filter);
  });

  // A link to a certificate opens it, whatever is filtered.
  function reveal() {
    const row = rowOf.get(byId(location.hash.slice(1)));
    if (!row) return;
    if (row.tr.hidden) showOnly("");
    open(row, true);
    row.tr.scrollIntoView({block: "center"});
  }
  addEventListener("hashchange", reveal);
  filter();
  reveal();
})();
