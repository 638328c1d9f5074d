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
    folded = [...document.querySelectorAll("details:not([open], .commands)")];
    folded.forEach(d => d.open = true);
  });
  addEventListener("afterprint", () => folded.forEach(d => d.open = false));

  // What is wider than the page scrolls, says so, and is a tab stop.
  const scrollers = new ResizeObserver(entries => {
    for (const {target} of entries) {
      const over = target.scrollWidth > target.clientWidth;
      target.previousElementSibling.hidden = !over;
      if (over) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  document.querySelectorAll(".scroll").forEach(e => scrollers.observe(e));

  const table = byId("table");
  if (!table) return;
  const body = table.tBodies[0];
  const width = table.tHead.rows[0].cells.length;
  const fieldOf = title => data.fields.indexOf(title);
  // Of a long table the page has but the first rows; the others are made when they are
  // shown, so many at a time.
  const rows = data.certificates.map((of, id) => ({tr: byId("cert-" + id), id, of, detail: null, open: false, text: "", at: 0}));
  const byUrgency = data.order.map(id => rows[id]);
  byUrgency.forEach((row, at) => row.at = at);
  const rowOf = new Map();
  const isLong = body.rows.length < rows.length, step = isLong ? 200 : Infinity;
  const texts = (row, field) => row.of.v[field].map(i => data.strings[i]);
  const findingsOf = row => row.of.p < 0 ? [] : data.places[row.of.p];

  // Rows open to what is known of the certificate.
  function prepare(row) {
    row.tr ??= makeRow(row);
    if (rowOf.has(row.tr)) return row.tr;
    rowOf.set(row.tr, row);
    const label = row.tr.querySelector(".c-component span");
    const button = element("button", {type: "button", className: "toggle"}, label.textContent);
    button.setAttribute("aria-expanded", "false");
    label.replaceWith(button);
    return row.tr;
  }
  if (!isLong) rows.forEach(prepare);

  // makeRow makes what the page has of the first rows.
  function makeRow(row) {
    const [level, infos, who, type, name, organizations, names, path, inside, on, issuer, end, left] = row.of.c.map(i => data.strings[i]);
    const status = texts(row, fieldOf("Status")).join();
    const small = text => text === "" ? [] : [" ", element("small", {}, text)];
    const td = (column, ...children) => element("td", {className: "c-" + column}, ...children);
    const head = element("th", {scope: "row", className: "c-component"}, element("span", {}, who), " ", element("small", {}, type));
    return element("tr", {id: "cert-" + row.id, className: level},
      td("status", element("span", {className: "badge " + level}, level), ...(status === "ok" ? [] : [" ", element("span", {className: "check"}, status)]), ...small(infos && infos + " info")),
      head,
      td("subject", name, ...small(organizations && "O=" + organizations), ...small(names)),
      td("file", path, ...small(inside)),
      ...(data.several ? [td("node", on)] : []),
      td("issuer", issuer),
      td("expiry", end || "no certificate", ...small(left)));
  }

  body.addEventListener("click", event => {
    const row = rowOf.get(event.target.closest("tr"));
    if (row && (event.target.closest(".toggle") || getSelection().isCollapsed)) open(row, !row.open);
  });

  function open(row, on) {
    if (on === row.open) return;
    row.open = on;
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
    if (findings.length > 0) panel.append(element("section", {className: "about"}, element("h3", {}, "Findings"), ...findings.slice(0, 100).map(i => article(i, true))));
    return element("tr", {id: "detail-" + row.id, className: "detail"}, element("td", {colSpan: width}, panel));
  }

  function certificate(row) {
    const list = element("dl");
    data.fields.forEach((title, field) => {
      const values = texts(row, field);
      if (values.length === 0) return;
      const dd = element("dd");
      values.slice(0, 50).forEach(v => dd.append(element("span", {}, v), " "));
      if (values.length > 50) dd.append(element("span", {}, "and " + (values.length - 50) + " more"));
      list.append(element("div", {}, element("dt", {}, title), dd));
    });
    return element("section", {}, element("h3", {}, "Certificate"), list);
  }

  // requirements holds what is expected against what was found. It repeats what
  // the findings say; beyond them it only says which values are plainly there.
  function requirements(row) {
    const tbody = element("tbody");
    const node = texts(row, fieldOf("Node"))[0] ?? "";
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
    const about = findingsOf(row).map(i => [data.findings[i].check, data.findings[i].level, data.findings[i].reference].map(s => data.strings[s]))
      .filter(([check]) => fact.checks.includes(check));
    const exact = about.filter(([, , reference]) => reference === data.strings[requirement.source]);
    if (exact.length > 0) return exact.flatMap(([check, severity]) => [element("span", {className: "badge " + severity}, severity), " " + check + " "]);
    if (fact.all && there.length === wanted.length || fact.any && there.length > 0) return [element("span", {className: "badge ok"}, "found")];
    if (about.length > 0) return ["see " + about[0][0]];
    const partial = data.partial[texts(row, fieldOf("Node"))[0] ?? ""] ?? [];
    return [partial.includes(requirement.fact) ? "no finding, perhaps not judged" : "no finding"];
  }

  // article is a finding, under its check or beside its certificate.
  function article(index, beside) {
    const f = data.findings[index], text = field => data.strings[f[field]];
    const line = (name, field, ...before) => text(field) === "" ? [] : [element("p", {className: name}, ...before, text(field))];
    const badge = element("span", {className: "badge " + text("level")}, text("level"));
    const where = beside ? [badge, " ", element("strong", {}, text("check"))] : [badge, " ", element("strong", {}, text("component"))];
    if (text("on") !== "") where.push(" on " + text("on"));
    if (!beside) where.push(" ", element("code", {}, text("place")));
    if (!beside && f.row >= 0) where.push(" ", element("a", {className: "to-row", href: "#cert-" + f.row}, "certificate"));
    const steps = text("steps").split("\n").filter(Boolean).map(step => step.split(/: (.*)/))
      .map(([number, title]) => element("p", {className: "steps"}, element("a", {href: "#plan"}, number), ": " + title));
    let remedy = text("remedy") === "" ? [] : [element("div", {className: "remedy"}, element("pre", {}, text("remedy")))];
    remedy.forEach(addCopyButton);
    if (text("folded") !== "") remedy = [element("details", {className: "commands"}, element("summary", {}, text("folded")), ...remedy)];
    const source = text("reference") === "" ? [] : [element("p", {className: "source muted"}, ...links(text("reference")))];
    return element("article", {className: "finding " + text("level")}, element("p", {className: "where"}, ...where), ...line("nodes muted", "nodes"),
      ...line("message", "message"), ...line("ignored", "ignored"), ...line("breaks", "breaks", element("span", {className: "muted"}, "breaks"), " "), ...steps, ...remedy, ...source);
  }

  // links makes the https addresses in a text ones that can be followed.
  function links(text) {
    return text.split(/(https:\/\/[^ ;,\n\t]*)/).map((part, i) => i % 2 === 0 ? part : element("a", {href: part, rel: "noreferrer noopener"}, part));
  }

  for (const button of document.querySelectorAll(".more-findings")) {
    const left = data.more[button.dataset.group];
    button.addEventListener("click", () => {
      button.parentElement.before(...left.splice(0, 50).map(i => article(i, false)));
      if (left.length === 0) button.parentElement.remove();
    });
  }

  // Sorting: a header is a button; a second press turns the order round.
  const collator = new Intl.Collator("en", {numeric: true});
  const keys = {
    "Status": row => row.at,
    "Not after": row => row.of.t || Infinity,
  };
  const order = (a, b) => typeof a === "number" ? (a < b ? -1 : a > b ? 1 : 0) : collator.compare(a, b);
  for (const th of table.tHead.rows[0].cells) {
    th.replaceChildren(element("button", {type: "button"}, th.textContent));
    th.addEventListener("click", () => sort(th));
  }

  let sorted = byUrgency;
  function sort(th) {
    const down = th.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    const title = th.dataset.sort;
    const key = keys[title] ?? (row => texts(row, fieldOf(title)).join(" "));
    const sign = down ? -1 : 1;
    const keyed = rows.map(row => ({row, key: key(row)}));
    keyed.sort((a, b) => sign * order(a.key, b.key) || a.row.at - b.row.at);
    sorted = keyed.map(({row}) => row);
    filter();
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
  const severities = row => findingsOf(row).map(i => data.strings[data.findings[i].level]);
  const hasSeverity = row => severity.value === "" ||
    (severity.value === "ok" ? row.of.r === 0 : severities(row).includes(severity.value));
  const hasStatus = row => status.value === "" || texts(row, fieldOf("Status")).join() === status.value;

  // matching are the rows that are to be seen, those from first to before end in the page.
  let matching = byUrgency, first = 0, end = 0;
  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    matching = sorted.filter(row => hasSeverity(row) && hasStatus(row) && words.every(w => haystack(row).includes(w)));
    show(0, step);
  }

  function show(from, to) {
    first = Math.max(0, from);
    end = Math.min(to, matching.length);
    body.replaceChildren(...elements(matching.slice(first, end)));
    byId("shown").textContent = matching.length + " of " + rows.length;
    byId("nothing").hidden = matching.length > 0;
    labelMore();
  }

  const elements = list => list.flatMap(row => [prepare(row), ...(row.open ? [row.detail] : [])]);
  const more = byId("more");
  function labelMore() {
    if (more) Object.assign(more, {textContent: "Show more (" + (matching.length - end) + ")", hidden: end === matching.length});
  }
  more?.addEventListener("click", () => {
    const added = matching.slice(end, end + step);
    body.append(...elements(added));
    end += added.length;
    labelMore();
  });
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
    const row = rows[/^#cert-([0-9]+)$/.exec(location.hash)?.[1]];
    if (!row) return;
    if (!matching.includes(row)) showOnly("");
    const at = matching.indexOf(row);
    if (at < first || at >= end) show(at - step / 2, at + step / 2);
    open(row, true);
    row.tr.scrollIntoView({block: "center"});
  }
  addEventListener("hashchange", reveal);
  filter();
  reveal();
})();
