"use strict";
(() => {
  const PER_PAGE = 20;
  const KINDS = ["", "differs", "found", "invented"];
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("controls");
  const list = document.getElementById("list");
  const heading = document.getElementById("shown");
  const status = document.getElementById("status");
  const pagers = [...document.querySelectorAll(".pager")];
  const count = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
  const foldedTexts = new Map();
  const lazy = new WeakMap();
  let shown = data.rows;
  let page = 0;

  // Text only ever becomes text: strings are appended as text nodes and no markup is parsed.
  const make = (tag, properties, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(properties || {})) {
      if (name in node) node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  };
  const said = (answer) => (answer.text || []).filter((part, place) => place % 2).join("");
  const runs = (parts, dress) => parts.flatMap((part, place) => (place % 2 ? [dress(parts[place - 1], part)] : []));
  const of = (row, name) => row.answers.find((answer) => data.systems[answer.system].name === name);
  const fold = (text) => text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "");

  const written = (metric, value) =>
    value === null ? "–" : metric.percent ? `${(100 * value).toFixed(metric.digits)}%` : value.toFixed(metric.digits);
  const change = (metric, [tuned, base]) => {
    if (tuned === null || base === null) return null;
    const difference = (metric.percent ? 100 : 1) * (tuned - base);
    return (difference < 0 ? "\u2212" : "+") + Math.abs(difference).toFixed(metric.digits);
  };
  const badge = (text, kind) => make("span", { className: `badge ${kind}` }, text);
  const marked = (kind, text) => (kind ? make("mark", { className: KINDS[kind] }, text) : text);

  const badges = (answer) => {
    const some = [];
    if (answer.exact) some.push(badge("✓ word for word", "good"));
    if (answer.ended) some.push(badge("ended by the user", "plain"));
    if (answer.cut) some.push(badge("did not stop by itself", "warn"));
    if (answer.invented) some.push(badge(`not in the source: ${answer.invented.join(", ")}`, "warn"));
    if (answer.copied) some.push(badge(`${Math.round(100 * answer.copied)}% copied`, "plain"));
    return some.length ? make("div", { className: "badges" }, ...some) : null;
  };
  const pace = (answer) => {
    if (!answer.tokens) return null;
    const speed = answer.speed ? `, ${answer.speed.toFixed(answer.speed < 10 ? 1 : 0)}/s` : "";
    return make("span", { className: "soft" }, `${answer.tokens} token${answer.tokens === 1 ? "" : "s"}${speed}`);
  };
  const folded = (label, ...children) => make("details", null, make("summary", null, label), ...children);
  // What is folded away in every card is drawn when it is first looked at.
  const fill = (details) => {
    if (lazy.has(details)) details.append(lazy.get(details)());
    lazy.delete(details);
  };
  const foldedUntilSeen = (label, draw) => {
    const details = folded(label);
    lazy.set(details, draw);
    details.addEventListener("toggle", () => fill(details));
    return details;
  };
  const thought = (answer) =>
    answer.reasoning ? folded("Reasoning", make("div", { className: "text" }, answer.reasoning)) : null;

  const empty = () => make("em", { className: "soft" }, "empty answer");
  const drawnAnswer = (answer) =>
    make(
      "div",
      null,
      make("h5", null, data.systems[answer.system].label, pace(answer)),
      thought(answer),
      make("div", { className: "text" }, ...(answer.text ? runs(answer.text, marked) : [empty()])),
      badges(answer),
    );
  const drawnTruth = (row) => {
    const more = row.accepted.length ? `Accepted: ${row.accepted.join(" / ")}` : row.reference;
    const label = row.accepted.length ? "Right answer" : row.reference ? "True description" : "No true description";
    return make("div", { className: "true" }, make("h5", null, label), make("div", { className: "text" }, more));
  };
  const values = (row) =>
    make(
      "ul",
      { className: "values", ariaLabel: "Scores of the tuned model, and how far they are from the base model's" },
      ...data.metrics.flatMap((metric, place) => {
        if (row.values[place][0] === null) return [];
        const difference = change(metric, row.values[place]);
        const aside = difference === null ? null : make("span", null, ` (${difference})`);
        return [make("li", null, make("span", null, `${metric.label} `), written(metric, row.values[place][0]), aside)];
      }),
    );
  const source = (row) => {
    if (!row.content.length) return null;
    const quoted = (kind, part) => {
      const text = part === 0 ? row.reference : part;
      return kind ? make("mark", { className: "quoted" }, text) : text;
    };
    const quotes = row.content.some((part, place) => place % 2 === 0 && part === 1);
    const label = `The catalogue entry${quotes ? ", with what the answers quote" : ""}`;
    return foldedUntilSeen(label, () => make("div", { className: "text" }, ...runs(row.content, quoted)));
  };
  const drawn = (row) => {
    const [models, baselines] = [false, true].map((hidden) =>
      row.answers.filter((answer) => data.systems[answer.system].folded === hidden),
    );
    const aside = () => make("div", { className: "answers" }, ...baselines.map(drawnAnswer));
    const kind = data.sets[row.set];
    return make(
      "article",
      { id: row.id, className: "card", tabIndex: -1, ariaLabel: row.title },
      make("h4", null, row.title),
      make(
        "p",
        null,
        badge(kind, `set-name ${kind === "Seen" ? "seen" : ""}`),
        make("a", { href: `#${row.id}` }, row.id),
        row.source ? make("span", { className: "soft" }, " · ", make("code", null, row.source)) : null,
        row.retrieval ? make("span", { className: "soft" }, ` · looked up by the question: ${row.retrieval}`) : null,
      ),
      make("p", null, make("span", { className: "soft" }, "Asked: "), row.question),
      values(row),
      make("div", { className: "answers" }, drawnTruth(row), ...models.map(drawnAnswer)),
      baselines.length ? foldedUntilSeen("Baselines without a model", aside) : null,
      source(row),
    );
  };

  const searched = (row) => {
    const texts = () => [row.title, row.question, row.reference, ...row.answers.map(said)];
    if (!foldedTexts.has(row)) foldedTexts.set(row, fold(texts().join("\n")));
    return foldedTexts.get(row);
  };
  const fits = () => {
    const { words, set, invented, cut, differ } = form.elements;
    const wanted = fold(words.value).split(/\s+/).filter(Boolean);
    return (row) => {
      const [base, tuned] = ["base", "tuned"].map((name) => of(row, name));
      if (set.value && row.set !== Number(set.value)) return false;
      if (invented.checked && !(tuned && tuned.invented)) return false;
      if (cut.checked && !row.answers.some((answer) => answer.cut)) return false;
      if (differ.checked && !(base && tuned && said(base) !== said(tuned))) return false;
      return wanted.every((word) => searched(row).includes(word));
    };
  };
  // Rows without a value come last whichever way the order runs.
  const byNumber = (key, sign) => (one, other) => {
    const [left, right] = [key(one), key(other)];
    if (left === null || right === null) return (left === null) - (right === null);
    return sign * (left - right);
  };
  const byTitle = (sign) => {
    const { compare } = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
    return (one, other) => sign * compare(one.title, other.title);
  };
  const worst = (sign) => {
    const [invented, agrees] = data.worst.map((place) => (row) => (place < 0 ? null : row.values[place][0]));
    return (one, other) => byNumber(invented, -sign)(one, other) || byNumber(agrees, sign)(one, other);
  };
  const inOrder = (rows) => {
    const sign = form.elements.reverse.checked ? -1 : 1;
    const [what, place] = form.elements.order.value.split(":");
    if (what === "place") return sign > 0 ? rows : rows.reverse();
    if (what === "title") return rows.sort(byTitle(sign));
    if (what === "worst") return rows.sort(worst(sign));
    const value = (row) => row.values[place][0];
    const gain = (row) => (row.values[place].includes(null) ? null : row.values[place][0] - row.values[place][1]);
    return rows.sort(byNumber(what === "tuned" ? value : gain, sign));
  };

  const draw = () => {
    const first = page * PER_PAGE;
    const some = shown.slice(first, first + PER_PAGE);
    const pages = Math.max(1, Math.ceil(shown.length / PER_PAGE));
    list.replaceChildren(...some.map(drawn));
    heading.textContent = some.length
      ? `${count(first + 1)} to ${count(first + some.length)} of ${count(shown.length)}`
      : data.rows.length
        ? "Nothing fits: change the search or the filters."
        : "No product was asked.";
    for (const pager of pagers) {
      pager.hidden = pages === 1;
      pager.querySelector("span").textContent = `Page ${count(page + 1)} of ${count(pages)}`;
      for (const button of pager.querySelectorAll("button")) {
        const to = page + Number(button.dataset.step);
        button.setAttribute("aria-disabled", String(to < 0 || to >= pages));
      }
    }
  };
  const update = () => {
    shown = inOrder(data.rows.filter(fits()));
    page = 0;
    draw();
    status.textContent = `${count(shown.length)} of ${count(data.rows.length)} ${data.noun}s`;
  };
  const turn = (event) => {
    const button = event.target.closest("button");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    page += Number(button.dataset.step);
    draw();
    heading.focus();
    heading.scrollIntoView();
  };
  const addressed = () => document.getElementById(location.hash.slice(1));
  const isAddressed = (row) => `#${row.id}` === location.hash;
  const open = () => {
    if (!data.rows.some(isAddressed)) return;
    if (!shown.some(isAddressed)) {
      form.reset();
      update();
    }
    page = Math.floor(shown.findIndex(isAddressed) / PER_PAGE);
    if (!addressed()) draw();
    const card = addressed();
    card.scrollIntoView();
    card.focus({ preventScroll: true });
  };

  const choices = (select, pairs) => select.append(...pairs.map(([value, label]) => make("option", { value }, label)));
  choices(form.elements.set, data.sets.map((label, place) => [String(place), label]));
  choices(form.elements.order, data.metrics.map((metric, place) => [`tuned:${place}`, `${metric.label} of tuned`]));
  choices(form.elements.order, data.metrics.map((metric, place) => [`gain:${place}`, `${metric.label}, tuned less base`]));
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const pager of pagers) pager.addEventListener("click", turn);
  window.addEventListener("hashchange", open);
  // The same link once more changes no hash.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) open();
  });
  // Back fills the form as it was, but only after this script has run.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) return;
    update();
    if (shown.some(isAddressed)) open();
  });
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) {
      fill(details);
      details.open = true;
    }
  });
  document.getElementById("silent").remove();
  form.hidden = heading.hidden = false;
})();
