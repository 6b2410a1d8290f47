"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const index = JSON.parse($("data-index").textContent);
  // What clusters hold is read when the first one is opened: most of the file.
  let parsed = null;
  const details = () => parsed || (parsed = JSON.parse($("data-details").textContent));
  const rows = index.clusters.map((c, at) => ({
    at, id: c[0], title: c[1], date: c[2], size: c[3], relations: c[4], score: c[5], sources: c[6],
    source: c[7] < 0 ? "" : index.sources[c[7]],
  }));
  const PAGE = 25;
  const state = { text: "", relation: "", source: "", size: 2, score: 100, sort: "size", down: true, page: 0 };
  let shown = rows;
  let back = 0;

  // Everything from the data goes in as text; nothing is ever parsed as markup.
  const make = (tag, props, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props || {})) {
      if (value === null || value === undefined) continue;
      if (name === "class") node.className = value;
      else if (name === "on") node.addEventListener("click", value);
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  };
  const own = (text) => make("bdi", {}, String(text));
  const grouped = (number) => Number(number).toLocaleString("en");
  const percent = (number) => `${Math.round(number * 10) / 10} %`;
  const hidden = (text) => make("span", { class: "hidden-text", dir: "ltr" }, text);
  const tag = (relation) =>
    make("span", { class: "tag" }, make("span", { class: `swatch part-${index.relations[relation]}` }), index.relations[relation]);

  // Links. The first cluster with an id takes its plain name; another one like it is told by its place.
  const anchors = rows.map(() => "");
  const byAnchor = new Map();
  rows.forEach((row) => {
    const name = `cluster-${encodeURIComponent(row.id)}`;
    const anchor = byAnchor.has(name) ? `${name}~${row.at}` : name;
    anchors[row.at] = anchor;
    byAnchor.set(anchor, row.at);
  });
  const clusterLink = (at) => `#${anchors[at]}`;

  // The table
  const folded = rows.map((row) =>
    [row.title, row.id, row.source, ...row.sources.map((s) => index.sources[s])].join(" ").toLowerCase());
  const wanted = (row) =>
    row.size >= state.size && row.score <= state.score &&
    (state.relation === "" || row.relations.includes(Number(state.relation))) &&
    (state.source === "" || row.sources.includes(Number(state.source))) &&
    state.text.split(/\s+/).every((word) => folded[row.at].includes(word));
  const collator = new Intl.Collator(undefined, { numeric: true });
  const compare = (a, b) => {
    const x = a[state.sort], y = b[state.sort];
    const order = typeof x === "number" ? x - y : collator.compare(x, y);
    return (state.down ? -order : order) || a.at - b.at;
  };
  const refresh = () => {
    shown = rows.filter(wanted).sort(compare);
    state.page = Math.min(state.page, Math.max(0, Math.ceil(shown.length / PAGE) - 1));
    draw();
  };
  const cell = (content, name, kind) => make("td", { "data-name": name, class: kind }, ...content);
  const draw = () => {
    const start = state.page * PAGE;
    const part = shown.slice(start, start + PAGE);
    $("rows").replaceChildren(...part.map((row) => make("tr", {},
      cell([make("a", { href: clusterLink(row.at), dir: "auto" }, row.title || "(no title)"), make("span", { class: "id" }, own(row.id))]),
      cell(row.source ? [own(row.source)] : []),
      cell(row.date ? [row.date] : []),
      cell([grouped(row.size)], "records", "n"),
      cell(row.relations.map(tag)),
      cell([`${row.score} %`], "least alike", "n"))));
    $("found").textContent = `${grouped(shown.length)} of ${grouped(rows.length)} clusters`;
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    $("page").textContent = `Page ${grouped(state.page + 1)} of ${grouped(pages)}`;
    $("earlier").disabled = state.page === 0;
    $("later").disabled = state.page >= pages - 1;
    document.querySelectorAll("th[aria-sort]").forEach((head) => {
      const mine = head.firstElementChild.dataset.sort === state.sort;
      head.setAttribute("aria-sort", mine ? (state.down ? "descending" : "ascending") : "none");
    });
  };
  const turn = (by) => {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    state.page = Math.min(pages - 1, Math.max(0, state.page + by));
    draw();
  };
  const change = (name, value) => { state[name] = value; state.page = 0; refresh(); };
  const listen = () => {
    if (!index.sources.length) {
      $("table").classList.add("sourceless");
      $("source").parentElement.hidden = true;
    }
    const used = new Set(rows.flatMap((row) => row.relations));
    index.relations.forEach((name, at) => used.has(at) && $("relation").append(make("option", { value: at }, name)));
    index.sources.map((name, at) => [name, at]).sort((a, b) => collator.compare(a[0], b[0])).slice(0, 2000)
      .forEach(([name, at]) => $("source").append(make("option", { value: at }, name)));
    let waiting = 0;
    $("search").addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => change("text", event.target.value.trim().toLowerCase()), 80);
    });
    $("relation").addEventListener("change", (event) => change("relation", event.target.value));
    $("source").addEventListener("change", (event) => change("source", event.target.value));
    $("size").addEventListener("input", (event) => change("size", Number(event.target.value) || 2));
    $("score").addEventListener("input", (event) => {
      $("score-shown").textContent = `${event.target.value} %`;
      change("score", Number(event.target.value));
    });
    $("tools").addEventListener("submit", (event) => event.preventDefault());
    $("tools").addEventListener("reset", () => {
      Object.assign(state, { text: "", relation: "", source: "", size: 2, score: 100, page: 0 });
      $("score-shown").textContent = "100 %";
      refresh();
    });
    document.querySelectorAll("[data-sort]").forEach((button) => button.addEventListener("click", () => {
      const name = button.dataset.sort;
      state.down = state.sort === name ? !state.down : name === "size";
      change("sort", name);
    }));
    $("earlier").addEventListener("click", () => turn(-1));
    $("later").addEventListener("click", () => turn(1));
  };

  // The pairs to check first
  const LISTED = 6;
  const listPairs = (list, items) => {
    const rest = items.splice(LISTED);
    list.append(...items);
    if (!items.length) list.append(make("li", {}, make("p", { class: "note" }, "None.")));
    if (rest.length) {
      const more = make("button", { type: "button", class: "more", on: () => { list.append(...rest); more.remove(); } }, `${rest.length} more`);
      list.after(more);
    }
  };
  const pairItem = (href, score, title, why) => make("li", {}, make("a", { href },
    make("span", { class: "score" }, `${Math.round(score)} %`), make("span", { class: "name", dir: "auto" }, title || "(no title)"),
    make("span", { class: "why" }, ...why)));
  const drawPairs = () => {
    listPairs($("least"), index.borderline.map((pair) => {
      const why = [index.relations[pair.q], " · ", own(pair.i), " dropped for ", own(rows[pair.a].id)];
      return pairItem(`#pair-${pair.r}`, pair.c, pair.t || rows[pair.a].title, why);
    }));
    listPairs($("most"), index.misses.map((pair, at) =>
      pairItem(`#miss-${at + 1}`, pair.c, pair.a.t || pair.b.t, [own(pair.a.i), " and ", own(pair.b.i), " · ", pair.y || index.relations[pair.q]])));
  };
  let byRecord = null;
  const findPair = (record) => {
    if (!byRecord) {
      byRecord = new Map();
      details().views.forEach((view, at) => view.m.forEach((pair) => byRecord.set(pair.r, at)));
    }
    return byRecord.get(record);
  };

  // One comparison. Codes as in diff.py.
  const SAME = 0, ONLY_A = 1, ONLY_B = 2, FOLDED = 3, FACT_A = 4, FACT_B = 5, REMOVED_A = 6, REMOVED_B = 7, CUT = 8;
  // White space at the end and between paragraphs stays outside of the marks.
  const marked = (name, kind, before, content) => {
    const fragment = document.createDocumentFragment();
    for (const part of content.split(/(\n+|\s+$)/)) {
      if (part.trim()) fragment.append(make(name, { class: kind }, hidden(before), part, hidden("]")));
      else fragment.append(part);
    }
    return fragment;
  };
  const piece = (code, content) => {
    if (code === ONLY_A || code === FACT_A)
      return marked("del", code === FACT_A ? "fact" : null, code === FACT_A ? "[replaced in the other: " : "[only here: ", content);
    if (code === ONLY_B || code === FACT_B)
      return marked("ins", code === FACT_B ? "fact" : null, code === FACT_B ? "[by: " : "[only in the other: ", content);
    if (code === REMOVED_A || code === REMOVED_B)
      return make("s", { title: "removed by cleaning" }, hidden("[removed by cleaning: "), content, "\n", hidden("]"));
    if (code === FOLDED) return make("span", { class: "fold" }, `${grouped(content)} equal words`);
    if (code === CUT) return make("span", { class: "fold" }, `the rest, ${grouped(content)} words, was not compared`);
    return document.createTextNode(content);
  };
  const pieces = (diff) => {
    const list = [];
    for (let at = 0; at < diff.length; at += 2) list.push([diff[at], diff[at + 1]]);
    return list;
  };
  // In one column the other text's passage follows at once, and ends the line for both.
  const inline = (diff) => {
    const onlyB = (next) => next && (next[0] === ONLY_B || next[0] === FACT_B);
    const list = pieces(diff).map(([code, content], at, all) =>
      piece(code, (code === ONLY_A || code === FACT_A) && onlyB(all[at + 1]) ? content.trimEnd() + " " : content));
    return make("div", { class: "diff", dir: "auto" }, ...list);
  };
  const sideBySide = (diff, names) => {
    const box = make("div", { class: "diff sides" }, make("div", { class: "side-name" }, own(names[0])), make("div", { class: "side-name" }, own(names[1])));
    let left = [], right = [];
    const flush = () => {
      if (left.length || right.length) box.append(
        make("div", { class: "a", dir: "auto", "data-name": names[0] }, ...left), make("div", { class: "b", dir: "auto", "data-name": names[1] }, ...right));
      left = []; right = [];
    };
    for (const [code, content] of pieces(diff)) {
      if (code === FOLDED || code === CUT) { flush(); box.append(piece(code, content)); continue; }
      if (code === SAME || code === ONLY_A || code === FACT_A || code === REMOVED_A) left.push(piece(code, content));
      if (code === SAME || code === ONLY_B || code === FACT_B || code === REMOVED_B) right.push(piece(code, content));
    }
    flush();
    return box;
  };
  let beside = false;
  const comparison = (diff, names) => {
    const changed = diff.some((value, at) => at % 2 === 0 && value !== SAME && value !== FOLDED && value !== CUT);
    const holder = make("div", {});
    if (!changed) {
      holder.append(make("p", { class: "reason" }, "The texts have the same words."));
      return holder;
    }
    const show = () => {
      const button = make("button", { type: "button", on: () => { beside = !beside; redrawComparisons(); } }, beside ? "In one column" : "Side by side");
      holder.replaceChildren(
        make("div", { class: "key" }, make("del", {}, "only in ", own(names[0])), make("ins", {}, "only in ", own(names[1])),
          diff.some((value, at) => at % 2 === 0 && value === FACT_A) ? make("del", { class: "fact" }, "replaced fact") : null,
          diff.some((value, at) => at % 2 === 0 && (value === REMOVED_A || value === REMOVED_B)) ? make("s", {}, "removed by cleaning") : null,
          button),
        beside ? sideBySide(diff, names) : inline(diff));
    };
    holder.redraw = show;
    holder.className = "comparison";
    show();
    return holder;
  };
  const redrawComparisons = () => document.querySelectorAll(".comparison").forEach((holder) => holder.redraw());

  // A cluster
  const link = (url) => (url && /^https?:\/\//i.test(url) ? make("a", { href: url, rel: "noopener noreferrer external", target: "_blank" }, "open") : null);
  const meta = (record) => make("p", { class: "meta" },
    make("span", { class: "id" }, own(record.i)),
    record.s !== undefined ? make("span", {}, own(index.sources[record.s])) : null,
    record.d ? make("span", { class: "date" }, record.d) : null,
    link(record.u) && make("span", {}, link(record.u)),
    ...(record.f || []).map((flag) => make("span", {}, `flagged ${flag.replaceAll("_", " ")}`)));
  const terms = (list) => make("p", { class: "note" }, ...list.flatMap(([term, meaning]) => [make("b", {}, term), `: ${meaning} `]));
  const scores = (pair) => make("p", { class: "scores" }, tag(pair.q),
    make("span", {}, make("b", {}, percent(pair.c)), " contained"),
    pair.j ? make("span", {}, make("b", {}, percent(pair.j)), " Jaccard") : null,
    pair.o !== undefined ? make("span", {}, make("b", {}, percent(pair.o)), " matched in order") : null);
  const PREFERENCES = {
    undegraded: ["Not damaged", (v) => (v ? "yes" : "no")],
    complete: ["Most complete", (v) => (v > 0 ? `${grouped(v)} words more than the longest version` : v < 0 ? `${grouped(-v)} words less than the longest version, within the slack` : "nothing of substance missing")],
    source: ["Source priority", (v) => (v === null ? "no source" : String(v))],
    clean: ["Least foreign text", (v) => (v > 0 ? `${grouped(v)} words of furniture more` : v < 0 ? `${grouped(-v)} words of furniture less` : "as clean as the others")],
    earliest: ["Earliest", (v) => (v === null ? "no date" : String(v))],
    latest: ["Latest", (v) => (v === null ? "no date" : String(v))],
    medoid: ["Closest to all others", (v) => `mean Jaccard ${percent(v * 100)}`],
    id: ["Smallest id", (v) => String(v)],
  };
  const because = (view) => {
    const list = view.p ? details().orders[view.p[0]].map((name, at) => [name, view.p[at + 1]]) : [];
    const box = make("section", { class: "because" }, make("h2", {}, "Why this version is kept"));
    if (view.w) box.append(make("p", {}, "It was published before: archived records stay."));
    else if (!list.length) box.append(make("p", {}, "All versions have the same words; the order of preferences chose among them."));
    else box.append(
      make("p", { class: "note" }, "Preferences, the weightiest first. A later one counts only where all before it are equal."),
      make("table", { class: "plain" }, make("tbody", {}, ...list.map(([name, value], at) => {
        const [label, show] = PREFERENCES[name] || [name, String];
        return make("tr", {}, make("td", { class: "n" }, String(at + 1)), make("th", { scope: "row" }, label), make("td", {}, own(show(value))));
      }))));
    if (view.x) box.append(make("p", {}, "It supersedes the published record ", own(view.x), "."));
    if (view.s) box.append(make("p", {}, "It belongs to the story of ", own(view.s), "."));
    if (view.l) box.append(
      make("p", { class: "note" }, "Looks alike, and was kept apart: "),
      make("ul", {}, ...view.l.map(([id, relation, score]) => make("li", {}, own(id), " ", tag(relation), percent(score), " contained"))));
    return box;
  };
  const member = (view, pair, at) => {
    const title = pair.t === 0 ? view.k.t : pair.t;
    const node = make("article", { class: "member", id: `pair-${pair.r}` },
      make("h3", { dir: "auto" }, title || "(no title)"), meta(pair), scores(pair),
      make("p", { class: "reason" }, pair.y !== undefined ? `${details().reasons[pair.y]}. ` : "",
        "Witness: ", own(view.k.i), ". ", make("a", { href: `#pair-${pair.r}` }, "Link to this pair")));
    if (pair.e) node.append(comparison(pair.e, [pair.i, view.k.i]));
    else node.append(make("p", { class: "note" }, "The texts are not in this file. To compare them: dedup explain."));
    return node;
  };
  const crumbs = (neighbours) => make("div", { class: "crumbs" },
    make("button", { type: "button", on: close }, "← All clusters"), make("span", { class: "gap" }),
    ...neighbours.map(([label, href]) => make("button", { type: "button", disabled: href ? null : "", on: () => { location.hash = href; } }, label)));
  const openCluster = (at, record) => {
    const view = details().views[at];
    const place = shown.findIndex((row) => row.at === at);
    const near = (by) => (place >= 0 && shown[place + by] ? clusterLink(shown[place + by].at) : null);
    const names = new Set(rows[at].sources);
    const total = rows[at].size;
    const page = make("article", { class: "card" }, crumbs([["Previous", near(-1)], ["Next", near(1)]]),
      make("p", { class: "kind" }, `${grouped(total)} records${names.size > 1 ? ` from ${names.size} sources` : ""}, one kept`),
      make("h1", { dir: "auto" }, view.k.t || "(no title)"), meta(view.k), because(view),
      make("h2", {}, `Dropped for it (${grouped(total - 1)})`),
      terms([["Witness", "the kept version that the record was held against."],
        ["Contained", "share of the shorter text’s shingles (three words in a row) that the other has."],
        ["Jaccard", "shingles that both have, of all that either has."],
        ["Matched in order", "words that stand in both, in the same order; a run is an unbroken stretch of them."]]),
      ...view.m.map((pair, m) => member(view, pair, m)),
      view.n ? make("p", { class: "note" }, `${grouped(view.n)} more, the most alike, are left out of this report; the decisions list them all.`) : null);
    present(page, view.k.t || view.k.i);
    const aimed = record && $(`pair-${record}`);
    if (aimed) { aimed.classList.add("aimed"); aimed.scrollIntoView(); }
  };
  const openMiss = (at) => {
    const pair = index.misses[at];
    present(make("article", { class: "card" }, crumbs([["Previous", at ? `#miss-${at}` : null], ["Next", index.misses[at + 1] ? `#miss-${at + 2}` : null]]),
      make("p", { class: "kind" }, "Two records kept apart"),
      make("h1", { dir: "auto" }, pair.a.t || pair.b.t || "(no title)"), meta(pair.a),
      pair.b.t && pair.b.t !== pair.a.t ? make("h3", { dir: "auto" }, pair.b.t) : null, meta(pair.b), scores(pair),
      pair.y ? make("p", { class: "reason" }, `${pair.y}.`) : null,
      pair.e ? comparison(pair.e, [pair.a.i, pair.b.i]) : make("p", { class: "note" }, "The texts are not in this file.")), pair.a.i);
  };
  const title = document.title;
  const present = (page, name) => {
    if ($("one").hidden) back = scrollY;
    $("overview").hidden = true;
    $("one").hidden = false;
    $("one").replaceChildren(page);
    document.querySelector(".top").hidden = true;
    document.title = `${name}: duplicates`;
    scrollTo({ top: 0, behavior: "instant" });
    $("one").focus({ preventScroll: true });
  };
  const leave = () => {
    if ($("one").hidden) return false;
    $("one").hidden = true;
    $("one").replaceChildren();
    $("overview").hidden = false;
    document.querySelector(".top").hidden = false;
    document.title = title;
    return true;
  };
  const close = () => {
    history.pushState(null, "", location.pathname + location.search);
    if (leave()) scrollTo({ top: back, behavior: "instant" });
  };
  const route = () => {
    const name = location.hash.slice(1);
    if (name.startsWith("cluster-")) {
      const at = byAnchor.get(name) ?? byAnchor.get(`cluster-${encodeURIComponent(decoded(name.slice(8)))}`);
      if (at !== undefined) return openCluster(at);
      // The id of a dropped record leads to the cluster it is in.
      const dropped = decoded(name.slice(8));
      const holder = details().views.findIndex((view) => view.m.some((pair) => pair.i === dropped));
      if (holder >= 0) return openCluster(holder, details().views[holder].m.find((pair) => pair.i === dropped).r);
    } else if (name.startsWith("pair-")) {
      const at = findPair(name.slice(5));
      if (at !== undefined) return openCluster(at, name.slice(5));
    } else if (/^miss-\d+$/.test(name) && index.misses[name.slice(5) - 1]) return openMiss(name.slice(5) - 1);
    if (leave()) {
      const target = name && $(name);
      if (target) target.scrollIntoView(); else scrollTo({ top: back, behavior: "instant" });
    }
  };
  const decoded = (text) => { try { return decodeURIComponent(text); } catch { return text; } };

  const move = (by) => {
    const links = [...$("rows").querySelectorAll("a")];
    const here = links.indexOf(document.activeElement);
    (links[here < 0 ? 0 : Math.min(links.length - 1, Math.max(0, here + by))] || $("search")).focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    const open = !$("one").hidden;
    if (event.key === "Escape") return typing ? event.target.blur() : open && close();
    if (typing) return;
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (event.key === "/" && !open) { event.preventDefault(); $("search").focus(); }
    else if (step && !open && (event.key.length === 1 || $("rows").contains(document.activeElement))) { event.preventDefault(); move(step); }
    else if (event.key === "n" || event.key === "p") {
      if (!open) turn(event.key === "n" ? 1 : -1);
      else { const buttons = $("one").querySelectorAll(".crumbs button"); buttons[event.key === "n" ? 2 : 1].click(); }
    }
  });

  listen();
  refresh();
  drawPairs();
  addEventListener("hashchange", route);
  route();
  performance.mark("ready");
})();
